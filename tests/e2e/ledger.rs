//! What bears on the promise that nothing is lost is counted, told and summed up.
