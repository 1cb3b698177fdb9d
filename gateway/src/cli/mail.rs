//! The server that mail goes by.

use clap::{Args, Subcommand, ValueEnum};

use super::Context;
use super::input::Input;
use super::output::{say, say_json};
use crate::http::mail::{Mail as Shown, Security, SetMailServer, TestMail};
use crate::mail::{Outcome, Trouble};

#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    /// Which it is
    Show,
    /// Name it; its password is asked for
    Set(Set),
    /// Send no mail any more
    Remove,
    /// Send a letter that says that mail works
    Test {
        /// To whom
        address: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Its name: smtp.example.org
    host: String,
    /// From whom mail is: passerelle@example.org
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// How the way there is kept secret; none only within the office
    #[arg(long, value_enum, default_value_t = Way::Starttls)]
    security: Way,
    /// 587 for starttls, 465 for tls, 25 for none, if absent
    #[arg(long)]
    port: Option<u16>,
    /// Whom it knows us as; its password is the next line asked for
    #[arg(long = "user", value_name = "NAME")]
    as_user: Option<String>,
    /// Take the password from the first line of stdin
    #[arg(long)]
    script: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Starttls,
    Tls,
    None,
}

impl Mail {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = &context.client;
        let shown: Shown = match self {
            Self::Show => client.get("settings/mail")?,
            Self::Set(set) => client.put("settings/mail", &set.body()?)?,
            Self::Remove => {
                client.delete::<()>("settings/mail")?;
                Shown { server: None }
            }
            Self::Test { address } => {
                let outcome: Outcome = client.post("settings/mail/test", &TestMail { to: address })?;
                return told(context, &outcome);
            }
        };
        if context.json {
            return say_json(&shown);
        }
        match shown.server {
            None => say("No mail is sent: `passerelle settings mail set` names a server."),
            Some(s) => {
                say(format_args!("{}:{}, {}, from {}", s.host, s.port, s.security.word(), s.from));
                say(format_args!("User: {}", s.user.as_deref().unwrap_or("none")));
            }
        }
        Ok(())
    }
}

impl Set {
    fn body(self) -> anyhow::Result<SetMailServer> {
        let (security, usual) = match self.security {
            Way::Starttls => (Security::StartTls, 587),
            Way::Tls => (Security::Tls, 465),
            Way::None => (Security::Plain, 25),
        };
        let password = match &self.as_user {
            Some(_) => Some(Input::choose(self.script)?.secret("Password of the mail server")?.to_string()),
            None => None,
        };
        let port = self.port.unwrap_or(usual);
        Ok(SetMailServer { host: self.host, port, security, user: self.as_user, password, from: self.from })
    }
}

fn told(context: &Context, outcome: &Outcome) -> anyhow::Result<()> {
    if context.json {
        say_json(outcome)?;
    }
    let answer = outcome.answer.as_deref();
    match outcome.trouble {
        Some(trouble) => anyhow::bail!("not sent: {}", sentence(trouble, answer)),
        None if context.json => {}
        None => say(format_args!("The server has taken it: {}", answer.unwrap_or("without a word"))),
    }
    Ok(())
}

/// Why a letter was not sent, and the cure.
pub(super) fn sentence(trouble: Trouble, answer: Option<&str>) -> String {
    let why = match trouble {
        Trouble::NotSetUp => "no mail server is set; name one with `passerelle settings mail set`",
        Trouble::NoAddress => "this person has no mail address; `passerelle user mail LOGIN ADDRESS`",
        Trouble::Unreachable => "the mail server does not answer; look at its name and port",
        Trouble::NoTls => "the mail server does not speak TLS in this way; 587 goes with starttls, 465 with tls",
        Trouble::Certificate => "the mail server's certificate is not for this name, or of nobody this machine trusts",
        Trouble::NotPrivate => "without TLS mail goes within the office only; choose starttls or tls",
        Trouble::WrongPassword => "the mail server does not take user and password, or wants some",
        Trouble::Refused => "the mail server does not take the letter",
        Trouble::Failed => "this is no mail server, or one that answers strangely",
    };
    answer.map_or_else(|| why.to_owned(), |answer| format!("{why} ({answer})"))
}
