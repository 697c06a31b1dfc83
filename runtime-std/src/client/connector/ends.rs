//! What follows from the end of a connection: another attempt, a wait, or the end of the
//! client.

use std::time::Duration;

use estreamer_mio::client::ClientEnd;
use estreamer_mio::tls::TlsError;

use super::{Connector, Phase};
use crate::client::Error;
use crate::client::bookmark::ClientBookmark;
use crate::client::change::NextAttempt;
use crate::reconnect::{AfterEnd, EndedConnection, Failed, Fault};

impl Connector {
    /// Processes the end of the connection.
    pub(super) fn ended(
        &mut self,
        end: ClientEnd,
        records: u64,
        bookmark: &mut Option<ClientBookmark>,
    ) -> Result<(), Error> {
        let phase = std::mem::replace(&mut self.phase, Phase::Over(None));
        let Phase::Connected(link) = phase else {
            return Ok(());
        };
        self.event_loop.remove(link.id);
        if !self.settings.is_reconnecting && link.watch.is_connected() {
            let error = Error::ended(&link.server, end);
            self.phase = Phase::Over(Some(Box::new(error)));
            return Ok(());
        }
        let ended = EndedConnection {
            end,
            server: link.server,
            watch: &link.watch,
            is_answered: self.is_answered,
            is_busy: false,
            records,
            now: self.event_loop.now(),
        };
        let after = self.attempts.ended(ended, &mut self.forms);
        self.go_on(after, bookmark)
    }

    /// Does what follows from the end of an attempt.
    pub(super) fn go_on(
        &mut self,
        mut after: AfterEnd,
        bookmark: &mut Option<ClientBookmark>,
    ) -> Result<(), Error> {
        loop {
            match after {
                AfterEnd::Nothing => {
                    self.phase = Phase::Over(None);
                    return Ok(());
                }
                AfterEnd::Address(address) => match self.open(address, bookmark) {
                    Ok(None) => return Ok(()),
                    Ok(Some(next)) => after = next,
                    Err(error) => return self.failed_here(error),
                },
                AfterEnd::Form(failed, form) => {
                    let next = NextAttempt::Form(form);
                    self.disconnected(Error::failed(failed), next);
                    return self.resolve(bookmark);
                }
                AfterEnd::Server(failed) => {
                    let next = NextAttempt::Server(self.attempts.server());
                    self.disconnected(Error::failed(failed), next);
                    return self.resolve(bookmark);
                }
                AfterEnd::Wait(failed, wait) => {
                    let is_final = self.is_final(&failed);
                    let error = Error::failed(failed);
                    match is_final {
                        true => self.phase = Phase::Over(Some(Box::new(error))),
                        false => self.wait(error, wait),
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Returns whether no other attempt is made. A server that never answered and refuses
    /// the request will do so again, and an identity does not change.
    fn is_final(&self, failed: &Failed) -> bool {
        let is_refused = failed.fault == Fault::Request && !self.attempts.is_proven();
        let is_local = matches!(&*failed.end, ClientEnd::Tls(TlsError::Identity(_)));
        is_refused || is_local || !self.settings.is_reconnecting
    }

    /// Processes an attempt that failed on this side. A bookmark that cannot be written
    /// now may be later, if nothing is lost.
    pub(super) fn failed_here(&mut self, error: Error) -> Result<(), Error> {
        self.event_loop.clear();
        match self.settings.is_reconnecting && error.is_temporary() {
            true => {
                let wait = self.attempts.pause();
                self.wait(error, wait);
                Ok(())
            }
            false => {
                self.phase = Phase::Over(None);
                Err(error)
            }
        }
    }

    fn wait(&mut self, error: Error, wait: Duration) {
        let milliseconds = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX);
        self.phase = Phase::Due(self.event_loop.now().after(milliseconds));
        self.disconnected(error, NextAttempt::In(wait));
    }
}
