//! Whether what is in a place that anybody may write to is ours.

/// What a handle says of a file or a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) folder: bool,
    /// A junction or a link: what is there is elsewhere.
    pub(crate) elsewhere: bool,
    /// It is the system's, the administrators', or that of whom this program runs as.
    pub(crate) ours: bool,
    /// Names that it has.
    pub(crate) names: u32,
}

/// Why a folder is none to keep secrets in.
pub(crate) fn folder(found: Found) -> Result<(), &'static str> {
    match found {
        Found { folder: false, .. } | Found { elsewhere: true, .. } => {
            Err("something else is where a folder is expected")
        }
        Found { ours: false, .. } => Err("somebody who is no administrator made it"),
        _ => Ok(()),
    }
}

/// Why what is in such a folder is not to be read, nor written to.
pub(crate) fn inside(found: Found) -> Result<(), &'static str> {
    match found {
        Found { elsewhere: true, .. } => Err("it leads elsewhere"),
        Found { ours: false, .. } => Err("somebody who is no administrator made it"),
        Found { folder: false, names: 2.., .. } => Err("it has another name elsewhere"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_made_or_what_leads_elsewhere_is_refused() {
        let ours = Found { folder: true, elsewhere: false, ours: true, names: 1 };
        let file = Found { folder: false, ..ours };
        assert!(folder(ours).is_ok() && inside(ours).is_ok() && inside(file).is_ok());
        for refused in [file, Found { elsewhere: true, ..ours }, Found { ours: false, ..ours }] {
            assert!(folder(refused).is_err(), "{refused:?}");
        }
        for refused in [
            Found { elsewhere: true, ..file },
            Found { ours: false, ..file },
            Found { names: 2, ..file },
            Found { elsewhere: true, ..ours },
        ] {
            assert!(inside(refused).is_err(), "{refused:?}");
        }
    }
}
