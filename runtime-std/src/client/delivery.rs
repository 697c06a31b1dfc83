//! Hands out the records of a client, and acknowledges them.

use std::time::Duration;

use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::{Client, Error};

impl Client {
    /// Waits until the session has started.
    pub(super) fn establish(&mut self) -> Result<(), Error> {
        while !self.is_connected() {
            self.step(None)?;
            self.fetch()?;
            self.check()?;
        }
        Ok(())
    }

    /// Advances to the next received record that is to be handed out.
    pub(super) fn advance(&mut self) -> Result<bool, Error> {
        loop {
            let Some((batch, next)) = &mut self.batch else {
                match self.fetch()? {
                    true => continue,
                    false => return Ok(false),
                }
            };
            let Some(record) = batch.record(*next) else {
                self.handed_out = batch.units();
                self.batch = None;
                if !self.outstanding {
                    self.set_delivered();
                }
                continue;
            };
            *next += 1;
            self.counted.records += 1;
            match record.kind {
                RecordKind::Event => {}
                RecordKind::Malformed(_) => self.counted.malformed += 1,
                RecordKind::Oversize => self.counted.oversize += 1,
            }
            if let Some(bookmark) = &mut self.bookmark
                && !bookmark.is_new(record, *next - 1)
            {
                self.counted.duplicates += 1;
                continue;
            }
            self.outstanding = true;
            return Ok(true);
        }
    }

    /// Returns the record handed out last.
    pub(super) fn current(&self) -> Option<EventRecord<'_>> {
        let (batch, next) = self.batch.as_ref()?;
        batch.record(next.checked_sub(1)?)
    }

    /// Checks whether the client can continue.
    pub(super) fn check(&mut self) -> Result<(), Error> {
        if let Some(error) = self.connector.take_error() {
            return Err(error);
        }
        if self.connector.is_over() {
            return Err(Error::over());
        }
        match self.interrupter.take() {
            true => Err(Error::interrupted()),
            false => Ok(()),
        }
    }

    /// Returns whether the server waits for an acknowledgement.
    pub(super) fn is_withheld(&self) -> bool {
        self.outstanding && self.units > self.delivered.saturating_add(self.ahead)
    }

    /// Serves the connection until something happens.
    pub(super) fn step(&mut self, at_most: Option<Duration>) -> Result<(), Error> {
        let due = self.commit_if_due()?;
        let at_most = at_most.into_iter().chain(due).min();
        self.connector.step(at_most, &mut self.bookmark)
    }

    /// Makes acknowledged records durable if it is time; returns the time until then.
    fn commit_if_due(&mut self) -> Result<Option<Duration>, Error> {
        let Some(bookmark) = &mut self.bookmark else {
            return Ok(None);
        };
        let due = bookmark.commit_if_due();
        if bookmark.is_broken() {
            self.connector.give_up();
        }
        due
    }

    /// Acknowledges everything handed out, and updates the bookmark.
    pub(super) fn accept(&mut self) -> Result<(), Error> {
        if let Some((batch, next)) = &self.batch
            && *next >= batch.records().len()
        {
            self.handed_out = batch.units();
        }
        self.outstanding = false;
        if let Some(bookmark) = &mut self.bookmark {
            bookmark.accept();
        }
        if self.delivered < self.handed_out {
            self.set_delivered();
            // A program that always finds a batch never waits for one.
            self.commit_if_due()?;
            // Sends the acknowledgement now, not at the next call.
            self.connector.turn(Some(Duration::ZERO))?;
        }
        Ok(())
    }

    /// Marks everything that was handed out as delivered.
    fn set_delivered(&mut self) {
        self.delivered = self.handed_out;
        self.connector.delivered(self.delivered);
    }

    /// Takes the next batch; returns false if there is none. The end of a connection comes
    /// after its batches, so none is left when another connection begins.
    pub(super) fn fetch(&mut self) -> Result<bool, Error> {
        let records = self.counted.records - self.counted.duplicates;
        let was_connected = self.connector.is_connected();
        let batch = self.connector.poll_batch(&mut self.bookmark, records)?;
        if was_connected && !self.connector.is_connected() {
            self.counted.acknowledged += self.delivered;
            (self.units, self.handed_out, self.delivered) = (0, 0, 0);
        }
        let Some(batch) = batch else {
            return Ok(false);
        };
        self.units = batch.units();
        if let Some(bookmark) = &mut self.bookmark {
            bookmark.begin(&batch);
        }
        self.batch = Some((batch, 0));
        Ok(true)
    }
}
