//! One colour, and a square that changes with every key.

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;

use bytes::Bytes;
use ironrdp_server::{
    BitmapUpdate, DesktopSize, DisplayUpdate, PixelFormat, RdpServerDisplay, RdpServerDisplayUpdates,
};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A key was pressed.
pub struct Press;

/// Blue, green, red; what fills the screen.
const COLOUR: [u8; 4] = [0xc0, 0x60, 0x20, 0xff];
/// What the square is, in turn.
const SQUARES: [[u8; 4]; 2] = [[0xff; 4], [0, 0, 0, 0xff]];
/// Pixels a side, at the upper left.
const SIDE: u16 = 64;

pub struct Screen {
    size: DesktopSize,
    pressed: Arc<Mutex<UnboundedReceiver<Press>>>,
}

impl Screen {
    pub fn new() -> (Self, UnboundedSender<Press>) {
        let (sender, pressed) = unbounded_channel();
        (Self { size: DesktopSize { width: 1024, height: 768 }, pressed: Arc::new(Mutex::new(pressed)) }, sender)
    }
}

#[async_trait::async_trait]
impl RdpServerDisplay for Screen {
    async fn size(&mut self) -> DesktopSize {
        self.size
    }

    async fn request_initial_size(&mut self, client: DesktopSize) -> DesktopSize {
        self.size = client;
        client
    }

    async fn updates(&mut self) -> anyhow::Result<Box<dyn RdpServerDisplayUpdates>> {
        println!("shown");
        Ok(Box::new(Updates { whole: Some(self.size), turn: 0, pressed: Arc::clone(&self.pressed) }))
    }
}

struct Updates {
    whole: Option<DesktopSize>,
    turn: usize,
    pressed: Arc<Mutex<UnboundedReceiver<Press>>>,
}

#[async_trait::async_trait]
impl RdpServerDisplayUpdates for Updates {
    async fn next_update(&mut self) -> anyhow::Result<Option<DisplayUpdate>> {
        if let Some(size) = self.whole.take() {
            return Ok(filled(size.width, size.height, COLOUR));
        }
        if self.pressed.lock().await.recv().await.is_none() {
            return Ok(None);
        }
        self.turn += 1;
        Ok(filled(SIDE, SIDE, SQUARES[self.turn % SQUARES.len()]))
    }
}

fn filled(width: u16, height: u16, colour: [u8; 4]) -> Option<DisplayUpdate> {
    let data: Vec<u8> = colour.into_iter().cycle().take(usize::from(width) * usize::from(height) * 4).collect();
    Some(DisplayUpdate::Bitmap(BitmapUpdate {
        x: 0,
        y: 0,
        width: NonZeroU16::new(width)?,
        height: NonZeroU16::new(height)?,
        format: PixelFormat::BgrA32,
        data: Bytes::from(data),
        stride: NonZeroUsize::new(usize::from(width) * 4)?,
    }))
}
