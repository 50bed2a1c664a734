//! WebSockets of our own (RFC 6455), to where requests of our own may go.

use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use tower_service::Service;

use super::outbound::{Outbound, OutboundError, innermost};

/// Bytes of one message, and of what may wait for a peer that reads slowly.
const MESSAGE: usize = 256 * 1024;

/// An open WebSocket.
pub type OutboundSocket = WebSocketStream<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>;

impl Outbound {
    /// Opens a WebSocket at a `ws` or `wss` URL, with further header fields, within a time.
    ///
    /// # Errors
    /// There is none.
    pub async fn socket(
        &self,
        url: &str,
        headers: &[(String, String)],
        limit: Duration,
    ) -> Result<OutboundSocket, OutboundError> {
        match tokio::time::timeout(limit, self.shake(url, headers)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::Broken(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    async fn shake(
        &self,
        url: &str,
        headers: &[(String, String)],
    ) -> Result<OutboundSocket, OutboundError> {
        let refused = OutboundError::Refused;
        let place: Uri = self.judged(&as_http(url).map_err(refused)?)?;
        let mut request = url.into_client_request().map_err(|error| refused(error.to_string()))?;
        for (name, value) in headers {
            let wrong = || OutboundError::Refused(format!("the header {name} cannot be sent"));
            let key = HeaderName::try_from(name).map_err(|_| wrong())?;
            request.headers_mut().insert(key, HeaderValue::try_from(value).map_err(|_| wrong())?);
        }
        let mut connector = self.connector();
        let stream = connector.call(place).await;
        let stream = stream.map_err(|error| OutboundError::Unreachable(innermost(&*error)))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE))
            .write_buffer_size(0)
            .max_write_buffer_size(MESSAGE);
        let shaken = client_async_with_config(request, TokioIo::new(stream), Some(config)).await;
        let (socket, _) = shaken.map_err(|error| OutboundError::Broken(error.to_string()))?;
        Ok(socket)
    }
}

/// The URL of the connection below.
fn as_http(url: &str) -> Result<String, String> {
    let rest = [("ws://", "http://"), ("wss://", "https://")];
    let found =
        rest.iter().find_map(|(own, http)| Some(format!("{http}{}", url.strip_prefix(own)?)));
    found.ok_or_else(|| "the URL is neither ws nor wss; write e.g. wss://example.com/robot".into())
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_socket_opens_with_its_headers_and_both_ends_are_heard() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            // The library's own type for a refusal is as large as it is.
            #[allow(clippy::result_large_err)]
            let check = |request: &Request, answer: Response| -> Result<Response, ErrorResponse> {
                assert_eq!(request.uri().path(), "/robot");
                assert_eq!(request.headers()["authorization"], "Bearer x");
                Ok(answer)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, check).await.unwrap();
            let heard = socket.next().await.unwrap().unwrap();
            socket.send(heard).await.unwrap();
        });
        let outbound = Outbound::new(&[], false).unwrap();
        let url = format!("ws://{address}/robot");
        let headers = [("authorization".to_owned(), "Bearer x".to_owned())];
        let refused = outbound.socket(&url, &headers, SOON).await.unwrap_err().to_string();
        assert!(refused.contains("is no public address"), "{refused}");
        outbound.allow_private(true);
        let mut socket = outbound.socket(&url, &headers, SOON).await.unwrap();
        socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::binary(vec![1, 2, 3]));
        server.await.unwrap();
        for wrong in ["http://1.1.1.1/", "1.1.1.1", "wss://a:b@1.1.1.1/"] {
            let error = outbound.socket(wrong, &[], SOON).await.unwrap_err();
            assert!(matches!(error, OutboundError::Refused(_)), "{wrong}: {error}");
        }
    }
}
