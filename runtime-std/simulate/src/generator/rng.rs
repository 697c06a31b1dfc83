//! Numbers that look random and are the same everywhere: SplitMix64. Thirty
//! lines of our own keep a seed's events the same whatever a dependency does.

#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 ≤ result < `n`, or 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }

    /// `low` ≤ result ≤ `high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True `p` times of 100.
    pub(crate) fn percent(&mut self, p: u8) -> bool {
        self.below(100) < u64::from(p)
    }

    /// One of `choices`, which are never empty here.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Appends `digits` lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize, out: &mut String) {
        let mut bits = 0;
        for i in 0..digits {
            if i % 16 == 0 {
                bits = self.next();
            }
            out.push(char::from(b"0123456789abcdef"[(bits & 15) as usize]));
            bits >>= 4;
        }
    }

    /// A version 1 UUID, the kind appliances give themselves.
    pub(crate) fn uuid(&mut self) -> String {
        let mut out = String::with_capacity(36);
        self.hex(8, &mut out);
        out.push('-');
        self.hex(4, &mut out);
        out.push_str("-11ef-");
        out.push(self.pick(&['8', '9', 'a', 'b']));
        self.hex(3, &mut out);
        out.push('-');
        self.hex(12, &mut out);
        out
    }
}
