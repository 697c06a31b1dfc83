//! One thread, many endpoints: whoever is ready gets a turn.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estreamer_core::session::Instant;
use mio::event::Source;
use mio::{Events, Interest, Poll, Token, Waker};

/// Something with a socket that takes turns.
///
/// Sockets are edge-triggered: an endpoint reads until the socket would block,
/// or says [`Turn::Again`] and is called once more after the others.
pub trait Endpoint {
    /// The socket, for registration.
    fn source(&mut self) -> &mut dyn Source;
    /// Does what can be done now, of bounded length.
    fn turn(&mut self, now: Instant, control: &mut Control) -> Turn;
    /// When a turn is due although nothing happens.
    fn deadline(&self) -> Option<Instant>;
    /// Whether a turn would find something to do when another thread woke the
    /// loop, whatever the socket says.
    fn is_stirred(&self) -> bool {
        true
    }
    /// The loop is to end: say goodbye, then be [`Turn::Done`] soon.
    fn stop(&mut self, reason: &str, now: Instant);
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing more to do until the socket is ready or the deadline is due.
    Wait,
    /// There is more to do at once.
    Again,
    /// The endpoint is finished and will be dropped.
    Done,
}

/// What an endpoint may ask of the loop.
#[derive(Default)]
pub struct Control {
    added: Vec<Box<dyn Endpoint>>,
    stop: Option<String>,
}

impl Control {
    /// Adds an endpoint.
    pub fn add(&mut self, endpoint: Box<dyn Endpoint>) {
        self.added.push(endpoint);
    }

    /// Asks every endpoint to stop.
    pub fn stop(&mut self, reason: &str) {
        self.stop.get_or_insert_with(|| reason.into());
    }
}

/// The loop.
pub struct EventLoop {
    poll: Poll,
    events: Events,
    clock: std::time::Instant,
    places: Vec<Place>,
    ready: VecDeque<usize>,
    handle: Handle,
    stopped: bool,
}

struct Place {
    endpoint: Option<Box<dyn Endpoint>>,
    queued: bool,
}

/// Wakes or stops a loop from another thread.
#[derive(Clone)]
pub struct Handle {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Handle {
    /// Asks every endpoint of the loop to stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether that was asked.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Gives every endpoint of the loop that has something to do a turn.
    pub fn wake(&self) {
        // A loop that cannot be woken has ended already.
        let _ = self.waker.wake();
    }
}

const WAKER: Token = Token(usize::MAX);
/// The loop looks around this often, in case a wake-up was lost: the system may
/// refuse one.
const LOOK_AROUND: Duration = Duration::from_secs(1);

impl EventLoop {
    /// A loop without endpoints.
    ///
    /// # Errors
    /// The system's, when it gives no poll instance.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(256),
            clock: std::time::Instant::now(),
            places: Vec::new(),
            ready: VecDeque::new(),
            handle: Handle {
                stop: Arc::new(AtomicBool::new(false)),
                waker,
            },
            stopped: false,
        })
    }

    /// For other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Milliseconds since the loop was made.
    pub fn now(&self) -> Instant {
        Instant(self.clock.elapsed().as_millis() as u64)
    }

    /// Adds an endpoint; its first turn comes at once.
    ///
    /// # Errors
    /// The system's, when its socket cannot be registered.
    pub fn add(&mut self, mut endpoint: Box<dyn Endpoint>) -> io::Result<()> {
        let index = match self
            .places
            .iter()
            .position(|place| place.endpoint.is_none())
        {
            Some(free) => free,
            None => {
                self.places.push(Place {
                    endpoint: None,
                    queued: false,
                });
                self.places.len() - 1
            }
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(endpoint.source(), Token(index), interest)?;
        self.places[index].endpoint = Some(endpoint);
        self.queue(index);
        Ok(())
    }

    /// Runs until no endpoint is left.
    ///
    /// # Errors
    /// The system's, when it cannot poll.
    pub fn run(&mut self) -> io::Result<()> {
        while !self.is_empty() {
            self.step(None)?;
            if self.handle.is_stopped() {
                self.stop("shutting down");
            }
        }
        Ok(())
    }

    /// Lets go of every endpoint, without a word to anybody.
    pub fn clear(&mut self) {
        for place in &mut self.places {
            place.endpoint = None;
        }
    }

    /// Whether no endpoint is left.
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(|place| place.endpoint.is_none())
    }

    /// Waits until somebody is ready, but no longer than `at_most`, and gives
    /// everyone who is a turn. It may return although nothing happened. Returns
    /// whether an endpoint is left.
    ///
    /// # Errors
    /// The system's, when it cannot poll.
    pub fn step(&mut self, at_most: Option<Duration>) -> io::Result<bool> {
        let wait = self.wait().min(at_most.unwrap_or(LOOK_AROUND));
        match self.poll.poll(&mut self.events, Some(wait)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        }
        let mut stirred = self.events.is_empty();
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            match event.token() {
                WAKER => stirred = true,
                Token(index) => self.queue(index),
            }
        }
        self.events = events;
        if stirred {
            self.queue_stirred();
        }
        self.queue_due();
        self.turns()?;
        Ok(!self.is_empty())
    }

    /// One turn for everyone who is ready by now.
    fn turns(&mut self) -> io::Result<()> {
        for _ in 0..self.ready.len() {
            let Some(index) = self.ready.pop_front() else {
                break;
            };
            let place = &mut self.places[index];
            place.queued = false;
            let Some(endpoint) = &mut place.endpoint else {
                continue;
            };
            let mut control = Control::default();
            let now = Instant(self.clock.elapsed().as_millis() as u64);
            match endpoint.turn(now, &mut control) {
                Turn::Wait => {}
                Turn::Again => self.queue(index),
                Turn::Done => {
                    // A socket that is not registered any more is as good as gone.
                    let _ = self.poll.registry().deregister(endpoint.source());
                    self.places[index].endpoint = None;
                }
            }
            for endpoint in control.added {
                self.add(endpoint)?;
            }
            if let Some(reason) = control.stop {
                self.stop(&reason);
            }
        }
        Ok(())
    }

    /// Asks every endpoint to stop, and to say why.
    pub fn stop(&mut self, reason: &str) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        let now = self.now();
        for index in 0..self.places.len() {
            if let Some(endpoint) = &mut self.places[index].endpoint {
                endpoint.stop(reason, now);
                self.queue(index);
            }
        }
    }

    fn queue(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index)
            && place.endpoint.is_some()
            && !place.queued
        {
            place.queued = true;
            self.ready.push_back(index);
        }
    }

    fn queue_stirred(&mut self) {
        for index in 0..self.places.len() {
            let endpoint = self.places[index].endpoint.as_ref();
            if endpoint.is_some_and(|endpoint| endpoint.is_stirred()) {
                self.queue(index);
            }
        }
    }

    fn queue_due(&mut self) {
        let now = self.now();
        for index in 0..self.places.len() {
            if self.deadline(index).is_some_and(|due| due <= now) {
                self.queue(index);
            }
        }
    }

    fn deadline(&self, index: usize) -> Option<Instant> {
        self.places[index].endpoint.as_ref()?.deadline()
    }

    /// No waiting while somebody is ready.
    fn wait(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let now = self.now();
        (0..self.places.len())
            .filter_map(|index| self.deadline(index))
            .min()
            .map_or(LOOK_AROUND, |due| {
                Duration::from_millis(due.0.saturating_sub(now.0)).min(LOOK_AROUND)
            })
    }
}
