//! Prints events in a program that runs on tokio. The client needs no thread: tokio waits
//! for its descriptor.
//!
//! ```text
//! cargo run --example tokio -- fmc.example.net client.p12 PASSWORD STATE_DIRECTORY
//! ```

use std::error::Error;
use std::io::Write;

use estreamer::client::{Client, InitialTimestamp, OwnedEvent};
use tokio::io::unix::AsyncFd;
use tokio::io::{self, Interest};
use tokio::time::sleep;

/// A client whose descriptor is registered with tokio.
pub(crate) struct AsyncClient {
    client: AsyncFd<Client>,
}

impl AsyncClient {
    /// Registers a client.
    // Programs with unsafe code use `register_with_interest`: the descriptor of a client
    // stays open and the same for as long as the client lives.
    #[allow(deprecated, reason = "what replaces it is unsafe")]
    pub(crate) fn new(client: Client) -> io::Result<Self> {
        let client = AsyncFd::with_interest(client, Interest::READABLE)?;
        Ok(Self { client })
    }

    /// Waits for the next event. Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<OwnedEvent, Box<dyn Error>> {
        loop {
            let record = self.client.get_mut().poll()?;
            if let Some(event) = record.map(OwnedEvent::from) {
                return Ok(event);
            }
            tokio::select! {
                ready = self.ready() => ready?,
                () = sleep(self.client.get_ref().due()) => {}
            }
        }
    }

    /// Waits until a step may have something to do.
    pub(crate) async fn ready(&self) -> io::Result<()> {
        self.client.readable().await?.clear_ready();
        Ok(())
    }

    /// Returns the client, for its commands.
    pub(crate) fn client(&mut self) -> &mut Client {
        self.client.get_mut()
    }
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "tests use the client without its program")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, identity, password, state] = &arguments[..] else {
        return Err("expected SERVER PKCS12 PASSWORD STATE".into());
    };
    let client = Client::builder(server)
        .pkcs12(identity, password)
        .state(state)
        .from(InitialTimestamp::OLDEST)
        .reconnecting()
        .on_change(|change| eprintln!("{change}"))
        .connect()?;
    let mut client = AsyncClient::new(client)?;
    let mut output = std::io::stdout().lock();
    loop {
        let event = client.next().await?;
        output.write_all(&event.data)?;
        output.write_all(b"\n")?;
        output.flush()?;
        client.client().acknowledge()?;
    }
}
