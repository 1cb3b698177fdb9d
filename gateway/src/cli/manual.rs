//! What a shell completes, and the manual page: both from the grammar of the command line itself.

use std::io::Write as _;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Arguments;

/// For a shell to source.
pub(super) fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "passerelle", &mut text);
    print(&text)
}

/// In troff, with every command in it.
pub(super) fn man() -> anyhow::Result<()> {
    let mut command = Arguments::command();
    command.build();
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text).context("write the manual page")?;
    for noun in command.get_subcommands() {
        for part in std::iter::once(noun).chain(noun.get_subcommands()).filter(|c| !c.is_hide_set()) {
            section(part, &mut text)?;
        }
    }
    print(&text)
}

fn section(command: &clap::Command, text: &mut Vec<u8>) -> anyhow::Result<()> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).replace('-', "\\-");
    writeln!(text, ".SH \"{}\"", name.to_uppercase()).context("write the manual page")?;
    let page = clap_mangen::Man::new(command.clone());
    page.render_synopsis_section(text).context("write the manual page")?;
    page.render_description_section(text).context("write the manual page")?;
    page.render_options_section(text).context("write the manual page")
}

fn print(text: &[u8]) -> anyhow::Result<()> {
    std::io::stdout().write_all(text).context("print")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_every_noun() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "passerelle", &mut text);
            let text = String::from_utf8(text).unwrap();
            for noun in Arguments::command().get_subcommands().filter(|c| !c.is_hide_set()) {
                assert!(text.contains(noun.get_name()), "{shell}: {}", noun.get_name());
            }
        }
    }
}
