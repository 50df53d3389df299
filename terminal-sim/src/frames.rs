//! Frames over a byte stream. Reading and writing may be cancelled at any await without losing or doubling a byte.

use std::io;

use bytes::{Buf, BytesMut};
use protocol::frame::{self, Frame, HEARTBEAT, Incoming, MAX_LENGTH};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{Broken, Error};

/// Reads frames. What has arrived of an unfinished frame stays in its buffer when a read is cancelled.
#[derive(Debug)]
pub struct FrameReader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader with nothing read yet.
    pub fn new(source: R) -> Self {
        FrameReader { source, buffer: BytesMut::with_capacity(MAX_LENGTH.saturating_mul(2)) }
    }

    /// The next frame or heartbeat. Cancel-safe.
    pub async fn next(&mut self) -> Result<Incoming, Error> {
        loop {
            if let Some(incoming) = self.buffered()? {
                return Ok(incoming);
            }
            let read = self.source.read_buf(&mut self.buffer).await.map_err(Error::Lost)?;
            if read == 0 {
                return Err(Error::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// A frame that has arrived already.
    pub fn buffered(&mut self) -> Result<Option<Incoming>, Error> {
        let decoded = frame::decode(&self.buffer).map_err(|error| Broken::unreadable("frame")(&error))?;
        Ok(decoded.map(|(incoming, taken)| {
            self.buffer.advance(taken);
            incoming
        }))
    }

    /// What it reads from.
    pub fn into_inner(self) -> R {
        self.source
    }
}

/// Writes frames. What has been queued and not yet written stays queued when a flush is cancelled.
#[derive(Debug)]
pub struct FrameWriter<W> {
    sink: W,
    queue: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// A writer with nothing queued.
    pub fn new(sink: W) -> Self {
        FrameWriter { sink, queue: BytesMut::new() }
    }

    /// Queues a frame.
    pub fn queue(&mut self, frame: &Frame) -> Result<(), Error> {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes).map_err(|error| Error::Usage(error.to_string()))?;
        self.queue.extend_from_slice(&bytes);
        Ok(())
    }

    /// Queues a heartbeat.
    pub fn queue_heartbeat(&mut self) {
        self.queue.extend_from_slice(&HEARTBEAT);
    }

    /// Queues bytes as they are, frame or not.
    pub fn queue_raw(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
    }

    /// Whether everything queued has been written.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Writes what is queued. Cancel-safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        while !self.queue.is_empty() {
            let written = self.sink.write_buf(&mut self.queue).await.map_err(Error::Lost)?;
            if written == 0 {
                return Err(Error::Lost(io::ErrorKind::WriteZero.into()));
            }
        }
        self.sink.flush().await.map_err(Error::Lost)
    }

    /// What it writes to.
    pub fn into_inner(self) -> W {
        self.sink
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::MessageType;
    use std::time::Duration;
    use tokio::io::duplex;
    use tokio::time::timeout;

    fn frame(correlation: u32, body: usize) -> Frame {
        Frame {
            repeat: false,
            kind: MessageType::ECHO,
            correlation,
            body: vec![7; body],
            sidecar: vec![9; 3],
        }
    }

    #[tokio::test]
    async fn frames_and_heartbeats_arrive_whole_from_every_split() {
        let mut bytes = Vec::new();
        frame(1, 20).encode(&mut bytes).unwrap();
        bytes.extend_from_slice(&HEARTBEAT);
        frame(2, 0).encode(&mut bytes).unwrap();
        for cut in 0..=bytes.len() {
            let (mut near, far) = duplex(8192);
            let mut reader = FrameReader::new(far);
            near.write_all(&bytes[..cut]).await.unwrap();
            let mut got = Vec::new();
            // Each wait that ends with nothing cancels a read in the middle of a frame.
            while let Ok(Ok(incoming)) = timeout(Duration::ZERO, reader.next()).await {
                got.push(incoming);
            }
            near.write_all(&bytes[cut..]).await.unwrap();
            while got.len() < 3 {
                got.push(reader.next().await.unwrap());
            }
            let expected = [Incoming::Frame(frame(1, 20)), Incoming::Heartbeat, Incoming::Frame(frame(2, 0))];
            assert_eq!(got, expected, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_cancelled_flush_goes_on_where_it_stopped() {
        let (near, far) = duplex(64);
        let (mut writer, mut reader) = (FrameWriter::new(near), FrameReader::new(far));
        writer.queue(&frame(5, 4000)).unwrap();
        assert!(timeout(Duration::from_millis(5), writer.flush()).await.is_err(), "the pipe is too narrow");
        assert!(!writer.is_empty());
        writer.queue(&frame(6, 10)).unwrap();
        let (flushed, first) = tokio::join!(writer.flush(), async {
            (reader.next().await.unwrap(), reader.next().await.unwrap())
        });
        flushed.unwrap();
        assert_eq!(first, (Incoming::Frame(frame(5, 4000)), Incoming::Frame(frame(6, 10))));
    }

    #[tokio::test]
    async fn an_end_in_mid_frame_is_a_lost_connection_and_garbage_a_broken_promise() {
        let (mut near, far) = duplex(64);
        near.write_all(&[0, 20, 0x10]).await.unwrap();
        drop(near);
        assert!(matches!(FrameReader::new(far).next().await, Err(Error::Lost(_))));
        let (mut near, far) = duplex(64);
        near.write_all(&[0xff, 0xff, 0x10]).await.unwrap();
        assert!(matches!(FrameReader::new(far).next().await, Err(Error::Broken(_))));
    }
}
