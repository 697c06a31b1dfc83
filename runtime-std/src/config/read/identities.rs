//! Opens the identities of all sources.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use estreamer_mio::tls::Identity;

use super::identity::IdentityFiles;
use crate::failure::Failure;

/// An identity, or the key that names the file of a failure, and the failure.
pub(super) type Opened = Result<Arc<Identity>, (&'static str, Failure)>;

/// Opens identities, in their order. Relative paths start at `base`. Those of the same files
/// are opened once, and all processors are used: to derive the key of a file from its
/// password takes milliseconds.
pub(super) fn open(identities: &[&IdentityFiles], base: &Path) -> Vec<Opened> {
    let mut distinct = Vec::new();
    let mut numbers = HashMap::new();
    let numbers: Vec<usize> = identities
        .iter()
        .map(|files| {
            *numbers.entry(*files).or_insert_with(|| {
                distinct.push(*files);
                distinct.len() - 1
            })
        })
        .collect();
    let opened = each(&distinct, |files| (*files).clone().open(base).map(Arc::new));
    numbers
        .into_iter()
        .map(|number| opened[number].clone())
        .collect()
}

/// Calls `work` for each of `all`, on as many threads as there are processors. Returns what
/// it returned, in their order.
fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let turns = || {
        let take = || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            Some((index, work(all.get(index)?)))
        };
        std::iter::from_fn(take).collect::<Vec<(usize, R)>>()
    };
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(all.len()))
            // Without another thread, this one does all.
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, turns).ok())
            .collect();
        let mut done = turns();
        for helper in helpers {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_is_done_once_and_in_order_on_all_processors() {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (seen, more) = (Mutex::new(HashSet::new()), Condvar::new());
        let all: Vec<usize> = (0..threads + 98).collect();
        let results = each(&all, |number| {
            let mut seen = seen.lock().unwrap();
            seen.insert(thread::current().id());
            more.notify_all();
            // Nobody goes on before all have begun.
            let patience = Duration::from_secs(60);
            let _seen = more.wait_timeout_while(seen, patience, |seen| seen.len() < threads);
            number * 2
        });
        let doubled: Vec<usize> = all.iter().map(|number| number * 2).collect();
        assert_eq!(results, doubled);
        assert_eq!(seen.lock().unwrap().len(), threads);
    }

    #[test]
    fn the_same_files_are_opened_once_and_a_failure_is_told_to_each() {
        let directory = tempfile::tempdir().unwrap();
        let pki = estreamer_simulate::pki::Pki::generate().unwrap();
        pki.write_to(directory.path()).unwrap();
        let pem = |cert: &str| IdentityFiles::Pem {
            cert: cert.into(),
            key: "client.key".into(),
            ca: "ca.pem".into(),
        };
        let (there, gone) = (pem("client.pem"), pem("gone"));
        let opened = open(&[&there, &gone, &there, &gone], directory.path());
        let [Ok(one), Err(failure), Ok(same), Err(again)] = &opened[..] else {
            panic!("{opened:?}");
        };
        assert!(Arc::ptr_eq(one, same), "opened once");
        assert_eq!(failure, again);
        assert_eq!(failure.0, "cert");
    }
}
