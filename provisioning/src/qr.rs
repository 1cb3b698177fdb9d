//! QR codes, for a terminal and for a page.
//!
//! Both return an empty string for text that no QR code can hold (over 2,953 bytes); a config has some 400.

use std::fmt::Write as _;

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

/// A scalable picture, one unit a module, black on white whatever the page's colours are.
#[must_use]
pub fn svg(text: &str) -> String {
    let Some(matrix) = Matrix::of(text) else { return String::new() };
    let size = matrix.size();
    let mut path = String::new();
    for y in 0..size {
        let mut x = 0;
        while x < size {
            let run = (x..size).take_while(|x| !matrix.light(*x, y)).count();
            if run > 0 {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path d=\"{path}\"/></svg>"
    )
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
    fn svg_and_terminal_show_the_same_modules() {
        let (text, picture) = (terminal("otpauth://totp/x"), svg("otpauth://totp/x"));
        let size = text.lines().next().unwrap().chars().count();
        assert!(picture.contains(&format!("viewBox=\"0 0 {size} {size}\"")));
        let dark: usize = picture.split('h').filter_map(|part| part.split_once("v1")?.0.parse::<usize>().ok()).sum();
        // An odd number of rows leaves one half row that is drawn as blank.
        let blank: usize = text
            .chars()
            .map(|c| match c {
                ' ' => 2,
                '▀' | '▄' => 1,
                _ => 0,
            })
            .sum();
        assert_eq!(dark, blank - if size % 2 == 1 { size } else { 0 });
    }

    #[test]
    fn too_much_is_nothing() {
        assert_eq!(terminal(&"x".repeat(3000)), "");
        assert_eq!(svg(&"x".repeat(3000)), "");
    }
}
