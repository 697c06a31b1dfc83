#[test]
fn t() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut b = cbindgen::Builder::new().with_config(config);
    for f in ["status", "types", "session"] {
        b = b.with_src(root.join(format!("../../core/capi/src/layer/{f}.rs")));
    }
    let mut out = Vec::new();
    b.generate().unwrap().write(&mut out);
    std::fs::write(root.join("include/estreamer.h"), &out).unwrap();
}
