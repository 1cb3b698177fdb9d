//! The PC's clipboard: it takes whatever it is told of, text or files, and offers what it is told to.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ironrdp_cliprdr::backend::{ClipboardMessage, CliprdrBackend, CliprdrBackendFactory};
use ironrdp_cliprdr::pdu::{
    ClipboardFormat, ClipboardFormatId, ClipboardFormatName, ClipboardGeneralCapabilityFlags, FileContentsFlags,
    FileContentsRequest, FileContentsResponse, FileDescriptor, FormatDataRequest, FormatDataResponse, LockDataId,
};
use ironrdp_core::impl_as_any;
use ironrdp_server::{CliprdrServerFactory, ServerEvent, ServerEventSender};
use tokio::sync::mpsc::UnboundedSender;

/// Bytes asked for at once.
const CHUNK: u32 = 64 * 1024;

/// What this program and every connection know.
#[derive(Debug)]
pub struct Shared {
    directory: PathBuf,
    sender: OnceLock<UnboundedSender<ServerEvent>>,
    text: Mutex<String>,
    /// Those on offer, in their order.
    files: Mutex<Vec<PathBuf>>,
}

impl Shared {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, sender: OnceLock::new(), text: Mutex::default(), files: Mutex::default() }
    }

    /// Somebody at the PC copies this text.
    pub fn copy(&self, text: &str) {
        *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text.to_owned();
        self.send(ClipboardMessage::SendInitiateCopy(vec![ClipboardFormat::new(ClipboardFormatId::CF_UNICODETEXT)]));
    }

    /// Somebody at the PC copies this file of its directory.
    pub fn offer(&self, name: &str) {
        let file = self.directory.join(name);
        let size = fs::metadata(&file).map_or(0, |data| data.len());
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = vec![file];
        self.send(ClipboardMessage::SendInitiateFileCopy(vec![FileDescriptor::new(name).with_file_size(size)]));
    }

    fn send(&self, message: ClipboardMessage) {
        if let Some(sender) = self.sender.get() {
            let _ = sender.send(ServerEvent::Clipboard(message));
        }
    }

    /// A part of a file on offer, or how long it is.
    fn part(&self, request: &FileContentsRequest) -> Option<FileContentsResponse<'static>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let content = fs::read(files.get(usize::try_from(request.index).ok()?)?).ok()?;
        if request.flags.contains(FileContentsFlags::SIZE) {
            return Some(FileContentsResponse::new_size_response(request.stream_id, content.len() as u64));
        }
        let from = usize::try_from(request.position).ok()?.min(content.len());
        let to = from.saturating_add(usize::try_from(request.requested_size).ok()?).min(content.len());
        Some(FileContentsResponse::new_data_response(request.stream_id, content[from..to].to_vec()))
    }
}

/// Makes a clipboard for each connection.
pub struct Clipboard(Arc<Shared>);

impl Clipboard {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl CliprdrServerFactory for Clipboard {}

impl ServerEventSender for Clipboard {
    fn set_sender(&mut self, sender: UnboundedSender<ServerEvent>) {
        let _ = self.0.sender.set(sender);
    }
}

impl CliprdrBackendFactory for Clipboard {
    fn build_cliprdr_backend(&self) -> Box<dyn CliprdrBackend> {
        Box::new(Connected { shared: Arc::clone(&self.0), taken: None })
    }
}

#[derive(Debug)]
struct Connected {
    shared: Arc<Shared>,
    /// The file that is being taken.
    taken: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    name: String,
    size: u64,
    content: Vec<u8>,
    lock: Option<u32>,
}

impl_as_any!(Connected);

impl Connected {
    /// Asks for the next part of what is being taken, or keeps it, whole.
    fn go_on(&mut self) {
        let Some(taken) = &self.taken else { return };
        let position = taken.content.len() as u64;
        if position < taken.size {
            return self.shared.send(ClipboardMessage::SendFileContentsRequest(FileContentsRequest {
                stream_id: 1,
                index: 0,
                flags: FileContentsFlags::RANGE,
                position,
                requested_size: u32::try_from(taken.size - position).unwrap_or(CHUNK).min(CHUNK),
                data_id: taken.lock,
            }));
        }
        // Its own name only: wherever it says it would be.
        let name = Path::new(&taken.name).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kept = fs::write(self.shared.directory.join(format!("received-{name}")), &taken.content);
        println!("file {name:?} {}{}", taken.content.len(), if kept.is_ok() { "" } else { ", not kept" });
        self.taken = None;
    }
}

impl CliprdrBackend for Connected {
    fn temporary_directory(&self) -> &str {
        "."
    }

    fn client_capabilities(&self) -> ClipboardGeneralCapabilityFlags {
        ClipboardGeneralCapabilityFlags::USE_LONG_FORMAT_NAMES
            | ClipboardGeneralCapabilityFlags::STREAM_FILECLIP_ENABLED
            | ClipboardGeneralCapabilityFlags::FILECLIP_NO_FILE_PATHS
            | ClipboardGeneralCapabilityFlags::CAN_LOCK_CLIPDATA
    }

    fn on_ready(&mut self) {}

    fn on_request_format_list(&mut self) {
        self.shared.send(ClipboardMessage::SendInitiateCopy(Vec::new()));
    }

    fn on_process_negotiated_capabilities(&mut self, _: ClipboardGeneralCapabilityFlags) {}

    fn on_remote_copy(&mut self, formats: &[ClipboardFormat]) {
        let list = |format: &&ClipboardFormat| {
            format.name().is_some_and(|name| name.value() == ClipboardFormatName::FILE_LIST.value())
        };
        let text = |format: &&ClipboardFormat| format.id() == ClipboardFormatId::CF_UNICODETEXT;
        if let Some(format) = formats.iter().find(list).or_else(|| formats.iter().find(text)) {
            self.shared.send(ClipboardMessage::SendInitiatePaste(format.id()));
        }
    }

    fn on_format_data_request(&mut self, _: FormatDataRequest) {
        let text = self.shared.text.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.shared.send(ClipboardMessage::SendFormatData(FormatDataResponse::new_unicode_string(&text)));
    }

    fn on_format_data_response(&mut self, response: FormatDataResponse<'_>) {
        match response.to_unicode_string() {
            Ok(text) if !response.is_error() => println!("text {text:?}"),
            _ => println!("no text"),
        }
    }

    fn on_remote_file_list(&mut self, files: &[FileDescriptor], lock: Option<u32>) {
        let Some(file) = files.first() else { return };
        let size = file.file_size.unwrap_or_default();
        self.taken = Some(Taken { name: file.name.clone(), size, content: Vec::new(), lock });
        self.go_on();
    }

    fn on_file_contents_request(&mut self, request: FileContentsRequest) {
        let part = self.shared.part(&request).unwrap_or_else(|| FileContentsResponse::new_error(request.stream_id));
        self.shared.send(ClipboardMessage::SendFileContentsResponse(part));
    }

    fn on_file_contents_response(&mut self, response: FileContentsResponse<'_>) {
        if response.is_error() || response.data().is_empty() {
            self.taken = None;
            return println!("no file");
        }
        if let Some(taken) = &mut self.taken {
            taken.content.extend_from_slice(response.data());
        }
        self.go_on();
    }

    fn on_lock(&mut self, _: LockDataId) {}

    fn on_unlock(&mut self, _: LockDataId) {}
}
