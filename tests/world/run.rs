//! Runs worlds, and makes those that fail smaller.

use std::panic::{self, AssertUnwindSafe};

use crate::action::{self, Action};
use crate::world::{Conditions, World};
use estreamer_tests::random::Random;

fn of_seed(seed: u64) -> (Conditions, Vec<Action>) {
    let mut random = Random::new(seed);
    let conditions = Conditions::of_seed(&mut random);
    let actions = action::of_seed(&mut random);
    (conditions, actions)
}

/// Returns what happens in a world, to be read.
pub(crate) fn actions(seed: u64) -> Vec<String> {
    let (conditions, actions) = of_seed(seed);
    let actions = actions.iter().map(|action| format!("{action:?}"));
    std::iter::once(format!("{conditions:?}"))
        .chain(actions)
        .collect()
}

/// Keeps panics quiet: they are reported as failures.
pub(crate) fn silence_panics() {
    panic::set_hook(Box::new(|_| {}));
}

/// Returns what is wrong with a world.
pub(crate) fn check(seed: u64) -> Option<String> {
    story(seed).1
}

/// Returns the story of a world, and what is wrong with it.
pub(crate) fn story(seed: u64) -> (Vec<String>, Option<String>) {
    let (conditions, actions) = of_seed(seed);
    live(&conditions, &actions)
}

/// Returns the story of the smallest world that fails as this one does.
pub(crate) fn smallest(seed: u64) -> (Vec<String>, String) {
    let (conditions, mut actions) = of_seed(seed);
    let (mut story, failure) = live(&conditions, &actions);
    let Some(mut failure) = failure else {
        return (story, "it does not fail".into());
    };
    let kind = |failure: &str| failure.split(':').next_back().map(str::to_owned);
    let wanted = kind(&failure);
    let mut size = actions.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < actions.len() {
            let end = actions.len().min(at + size);
            let mut fewer = actions.clone();
            fewer.drain(at..end);
            match live(&conditions, &fewer) {
                (told, Some(again)) if kind(&again) == wanted => {
                    (actions, story, failure) = (fewer, told, again);
                }
                _ => at = end,
            }
        }
        size /= 2;
    }
    (story, failure)
}

/// Lives through some actions. Returns the story, and what is wrong at its end.
pub(crate) fn live(conditions: &Conditions, actions: &[Action]) -> (Vec<String>, Option<String>) {
    let mut world = None;
    let lived = panic::catch_unwind(AssertUnwindSafe(|| {
        let world = world.insert(World::new(conditions));
        for action in actions {
            world.apply(*action);
        }
        world.settle()
    }));
    let story = world.map_or_else(Vec::new, |world| world.story().to_vec());
    let failure = match lived {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(panic) => Some(text_of(&*panic)),
    };
    (story, failure)
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without text".into())
}
