//! The bytes of a capture: as they are, or out of gzip or zstd. Their first bytes tell, not a name.

use std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read, Result, copy, sink};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// At once from the file.
const BUFFER: usize = 64 * 1024;

/// Reads a capture, unpacked.
///
/// # Errors
/// When it cannot be read.
pub fn unpacked(mut from: impl Read + 'static) -> Result<Box<dyn BufRead>> {
    let mut head = Vec::new();
    from.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let (gzip, zstd) = (is(&GZIP), is(&ZSTD));
    let all = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(from));
    Ok(if gzip {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(all)))
    } else if zstd {
        Box::new(BufReader::with_capacity(BUFFER, Frames::new(all)?))
    } else {
        Box::new(all)
    })
}

/// The frames of a zstd file, one after the other, as `zstd` itself reads them.
struct Frames<R> {
    from: R,
    frame: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    fn new(mut from: R) -> Result<Self> {
        let mut frame = FrameDecoder::new();
        begin(&mut frame, &mut from)?;
        Ok(Self { from, frame })
    }
}

/// Begins the next frame that has content.
fn begin(frame: &mut FrameDecoder, from: &mut impl BufRead) -> Result<()> {
    loop {
        match frame.reset(&mut *from) {
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = u64::from(length);
                if copy(&mut from.by_ref().take(length), &mut sink())? < length {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            begun => return begun.map_err(Error::other),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let got = self.frame.read(buffer)?;
            if got > 0 || buffer.is_empty() {
                return Ok(got);
            }
            if self.frame.is_finished() {
                if self.from.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                begin(&mut self.frame, &mut self.from)?;
            }
            let some = BlockDecodingStrategy::UptoBlocks(1);
            self.frame.decode_blocks(&mut self.from, some).map_err(Error::other)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(packed: Vec<u8>) -> Result<String> {
        let mut text = String::new();
        unpacked(Cursor::new(packed))?.read_to_string(&mut text).map(|_| text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn what_is_packed_is_unpacked_whole_and_the_rest_is_as_it_is() {
        let text = "{\"flow\": {}}\n".repeat(50_000);
        for text in [text.as_str(), "", "{", "\u{1f}"] {
            assert_eq!(read(text.into()).unwrap(), text);
            for pack in [gzip, zstd] {
                assert_eq!(read(pack(text)).unwrap(), text);
                // files that were written one after the other, as rotation does it
                assert_eq!(read([pack(text), pack("more")].concat()).unwrap(), format!("{text}more"));
            }
        }
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        assert_eq!(read([&zstd("a")[..], &skipped, &zstd("b")].concat()).unwrap(), "ab");
    }

    #[test]
    fn what_is_cut_off_or_broken_is_an_error_after_what_was_read() {
        let text = "{\"flow\": {}}\n".repeat(50_000);
        for packed in [gzip(&text), zstd(&text)] {
            let mut from = unpacked(Cursor::new(packed[..packed.len() / 2].to_vec())).unwrap();
            let mut read = Vec::new();
            from.read_to_end(&mut read).unwrap_err();
            assert!(text.as_bytes().starts_with(&read));
            assert!(self::read(packed[..6].to_vec()).is_err());
        }
    }
}
