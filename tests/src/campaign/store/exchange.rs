//! What happens to one connection and its requests.

use super::fault::{Ask, Fault};
use super::http::{Incoming, Message};
use super::proxy::{PATIENCE, Shared, UnderWay};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

impl Shared {
    pub(super) async fn serve(self: Arc<Self>, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let (from, mut to) = client.into_split();
        let mut from = Incoming::new(from);
        while let Some(mut request) = from.head().await? {
            let _under_way = UnderWay::new(&self.under_way);
            let broken = self.decide(&request).await;
            if let Some((fault, detail)) = broken {
                if let Some((status, code)) = fault.answer(&request) {
                    from.body(&mut request, false).await?;
                    if fault == Fault::InternalError && detail % 2 == 1 {
                        self.carry_out(&request, false).await?;
                    }
                    to.write_all(&error(status, code, request.first_line().starts_with("HEAD"))).await?;
                    continue;
                }
                self.break_off(fault, detail, request, &mut from, &mut to).await?;
                return Ok(());
            }
            from.body(&mut request, false).await?;
            let answer = self.carry_out(&request, true).await?;
            to.write_all(&answer.head).await?;
            to.write_all(&answer.body).await?;
        }
        Ok(())
    }

    /// The reason that ends the connection.
    async fn break_off(
        &self,
        fault: Fault,
        detail: u64,
        mut request: Message,
        from: &mut Incoming<OwnedReadHalf>,
        to: &mut OwnedWriteHalf,
    ) -> io::Result<()> {
        let (way, detail) = (detail % 4, detail / 4);
        match (fault, way) {
            // Before its head.
            (Fault::RequestCut, 0) => {}
            (Fault::RequestCut, 1) => {
                let end = part(request.head.len(), detail);
                self.begin(&request.head[..end]).await;
            }
            (Fault::RequestCut, _) => {
                from.body(&mut request, false).await?;
                let sent = [request.head.as_slice(), &request.body].concat();
                // In the body, or just before its end.
                let from_here = if request.body.is_empty() { 0 } else { request.head.len() };
                let end = from_here + part(sent.len() - from_here, detail);
                self.begin(&sent[..end]).await;
            }
            (Fault::Stall, 0) => hang_up(from).await,
            (Fault::Stall, 1) => {
                from.body(&mut request, false).await?;
                hang_up(from).await;
                self.carry_out(&request, false).await?;
            }
            (Fault::Corrupt, _) if !request.first_line().starts_with("GET") => {
                from.body(&mut request, false).await?;
                let at = part(request.body.len() + 1, detail) - 1;
                if let Some(byte) = request.body.get_mut(at) {
                    *byte ^= 1;
                }
                let answer = self.carry_out(&request, true).await?;
                // S3 says what is wrong; `s3s-fs` only says that something is.
                let sent = match answer.status() {
                    500 => error("400 Bad Request", "XAmzContentSHA256Mismatch", false),
                    _ => [answer.head, answer.body].concat(),
                };
                to.write_all(&sent).await?;
            }
            _ => {
                from.body(&mut request, false).await?;
                if fault == Fault::ErrorInside {
                    if way % 2 == 1 {
                        self.carry_out(&request, false).await?;
                    }
                    let code = ["InternalError", "SlowDown", "ServiceUnavailable"][detail as usize % 3];
                    return to.write_all(&error("200 OK", code, false)).await;
                }
                let answer = self.carry_out(&request, false).await?;
                if fault == Fault::AnswerLost && way % 2 == 1 {
                    to.as_ref().set_zero_linger()?;
                }
                let sent = damaged(fault, way, detail, answer);
                to.write_all(&sent).await?;
                if fault == Fault::Stall {
                    hang_up(from).await;
                }
            }
        }
        Ok(())
    }

    /// Makes the service start to read a request that does not end.
    async fn begin(&self, bytes: &[u8]) {
        let Ok(mut service) = TcpStream::connect(self.service).await else { return };
        if service.write_all(bytes).await.is_ok() && service.shutdown().await.is_ok() {
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(PATIENCE, service.read_to_end(&mut answer)).await;
        }
    }

    /// Makes the service carry it out. `known`: the client will see the answer.
    async fn carry_out(&self, request: &Message, known: bool) -> io::Result<Message> {
        let ask = Ask::of(request);
        if ask == Ask::Copy && request.header("if-none-match").is_some() && self.is_there(request) {
            return Ok(answer(error("412 Precondition Failed", "PreconditionFailed", false)));
        }
        let (from, mut to) = TcpStream::connect(self.service).await?.into_split();
        let mut from = Incoming::new(from);
        let sending = async {
            // It may answer and close the connection before it has read everything.
            let _ = to.write_all(&request.head).await;
            let _ = to.write_all(&request.body).await;
        };
        let answering = async {
            let mut answer = from.head().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            from.body(&mut answer, ask == Ask::Head).await?;
            Ok::<_, io::Error>(answer)
        };
        let (_, answered) = tokio::join!(sending, answering);
        let answered = answered?;
        if ask == Ask::CreateUpload && !known {
            self.note_unknown(answered.between("<UploadId>", "</UploadId>"));
        }
        Ok(self.corrected(request, answered))
    }

    /// What Amazon S3 would have answered if `s3s-fs` differs: an upload that is not open, or no longer, is
    /// not a matter of permissions.
    fn corrected(&self, request: &Message, answered: Message) -> Message {
        let upload = request
            .first_line()
            .split_once("uploadId=")
            .map(|(_, rest)| rest.split(['&', ' ']).next().unwrap_or_default());
        match upload {
            Some(id)
                if answered.status() == 403 && !self.folder.join(format!(".upload-{id}.json")).exists() =>
            {
                answer(error("404 Not Found", "NoSuchUpload", false))
            }
            _ => answered,
        }
    }

    /// Whether an object exists under the target name of a request. Since 2025, S3 refuses to copy onto it if
    /// asked to, and `s3s-fs` does not. No copy here has a target name that needs decoding.
    fn is_there(&self, request: &Message) -> bool {
        let path = request.first_line().split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        self.folder.join(path).exists()
    }
}

async fn hang_up(from: &mut Incoming<OwnedReadHalf>) {
    let _ = tokio::time::timeout(PATIENCE, from.hang_up()).await;
}

/// The answer, as far as it arrives and in the form it arrives.
fn damaged(fault: Fault, way: u64, detail: u64, mut answer: Message) -> Vec<u8> {
    let head = answer.head.len();
    match (fault, way) {
        // The declared length is the length of the bytes that arrive.
        (Fault::Short, 3) if !answer.is_chunked() && !answer.body.is_empty() => {
            let len = part(answer.body.len(), detail).min(answer.body.len() - 1);
            let text = String::from_utf8_lossy(&answer.head);
            let lines: Vec<String> = text
                .split("\r\n")
                .map(|line| match line.split_once(':') {
                    Some((name, _)) if name.eq_ignore_ascii_case("content-length") => {
                        format!("{name}: {len}")
                    }
                    _ => line.to_owned(),
                })
                .collect();
            [lines.join("\r\n").as_bytes(), &answer.body[..len]].concat()
        }
        (Fault::Corrupt, _) => {
            let at = part(answer.body.len() + 1, detail) - 1;
            if let Some(byte) = answer.body.get_mut(at) {
                *byte ^= 1;
            }
            [answer.head, answer.body].concat()
        }
        (Fault::AnswerCut, 0 | 1) => answer.head[..part(head, detail)].to_vec(),
        (Fault::AnswerCut | Fault::Short, _) | (Fault::Stall, 3) => {
            let end = part(answer.body.len(), detail).min(answer.body.len().saturating_sub(1));
            [answer.head.as_slice(), &answer.body[..end]].concat()
        }
        _ => Vec::new(),
    }
}

/// A number from 1 to below `len`, and at least 1.
fn part(len: usize, detail: u64) -> usize {
    1 + usize::try_from(detail % (len as u64).saturating_sub(1).max(1)).unwrap_or(0)
}

/// An error answer of the service, as bytes.
fn error(status: &str, code: &str, is_head: bool) -> Vec<u8> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    if is_head { head.into_bytes() } else { [head, body].concat().into_bytes() }
}

/// The same as a message.
fn answer(bytes: Vec<u8>) -> Message {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let body = bytes[end..].to_vec();
    Message { head: bytes[..end].to_vec(), body }
}
