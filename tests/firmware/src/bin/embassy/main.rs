//! The async client on embassy's executor.

#![no_std]
#![no_main]

mod board;

use board::EmulatedBoard;
use embassy_executor::Spawner;
use estreamer_core::wire::InitialTimestamp;
use estreamer_firmware::collect::collect;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut window = [0; 4096];
    let mut board = EmulatedBoard::start();
    collect(&mut board, InitialTimestamp::OLDEST, &mut window).await
}
