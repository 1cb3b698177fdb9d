//! QR codes, for a terminal.
//!
//! Text that no QR code can hold (over 2,953 bytes) gives an empty string; a config has some 400.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code, each side (ISO/IEC 18004 §9.1).
const QUIET: usize = 4;

/// Half blocks, two modules a character: light modules are drawn, so it is right on a dark terminal. A config fits in
/// 80 columns.
#[must_use]
pub fn terminal(text: &str) -> String {
    let Some(matrix) = Matrix::of(text) else { return String::new() };
    let size = matrix.size();
    let mut out = String::with_capacity(size * size * 2);
    for y in (0..size).step_by(2) {
        for x in 0..size {
            out.push(match (matrix.light(x, y), y + 1 < size && matrix.light(x, y + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        out.push('\n');
    }
    out
}

struct Matrix {
    width: usize,
    modules: Vec<Color>,
}

impl Matrix {
    /// Lowest error correction: it is read from a clean screen, and must stay small.
    fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        Some(Self { width: code.width(), modules: code.into_colors() })
    }

    /// Modules a side, quiet zone included.
    fn size(&self) -> usize {
        self.width + 2 * QUIET
    }

    fn light(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        let (Some(x), Some(y)) = (inside(x), inside(y)) else { return true };
        self.modules.get(y * self.width + x) != Some(&Color::Dark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_fits_a_terminal() {
        let text = terminal(&"x".repeat(420));
        assert!(text.lines().all(|l| l.chars().count() <= 80));
        assert!(text.lines().count() <= 40);
        assert!(text.starts_with(&"█".repeat(20)), "quiet zone first");
    }

    #[test]
    fn too_much_is_nothing() {
        assert_eq!(terminal(&"x".repeat(3000)), "");
    }
}
