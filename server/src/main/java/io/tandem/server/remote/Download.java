package io.tandem.server.remote;

import io.tandem.server.remote.HubClient.Answer;
import io.tandem.server.remote.HubClient.Blob;
import io.tandem.server.remote.Unavailable.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.function.LongConsumer;

/** Fetches one file, goes on where an earlier try ended, and checks what it has in the end. */
final class Download implements AutoCloseable {
    private static final int CHUNK_BYTES = 1 << 18;
    private static final int SHA256_DIGITS = 64;

    private final Blob blob;
    private final Source source;
    private final Retries retries;
    private final LongConsumer progress;
    private final FileChannel file;
    private MessageDigest digest;
    private long position;

    /** Where the bytes come from. */
    interface Source {
        /** @param from the first byte; the answer is 206 if it begins there, and 200 if it begins at the first */
        Answer content(long from) throws IOException;
    }

    /**
     * @param file what an earlier try left of it, if there was one
     * @param progress is told how many bytes of the file are there
     */
    Download(Blob blob, Path file, Source source, Retries retries, LongConsumer progress) throws IOException {
        this.blob = blob;
        this.source = source;
        this.retries = retries;
        this.progress = progress;
        this.digest = digest(blob);
        this.file =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    private static MessageDigest digest(Blob blob) {
        boolean sha256 = blob.checksum().length() == SHA256_DIGITS;
        try {
            MessageDigest digest = MessageDigest.getInstance(sha256 ? "SHA-256" : "SHA-1");
            if (!sha256) {
                digest.update(("blob " + blob.bytes() + "\0").getBytes(StandardCharsets.US_ASCII));
            }
            return digest;
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-1 and SHA-256", e);
        }
    }

    /**
     * When this returns, the file is whole and on the disk.
     *
     * @throws Unavailable if it cannot be had; what has come stays, unless it is wrong
     */
    void run() throws IOException {
        digestWhatIsThere();
        boolean whole = attempt();
        if (!whole) {
            // What an earlier try left may have been wrong.
            whole = attempt();
        }
        if (!whole) {
            throw new Unavailable(
                    Reason.DAMAGED,
                    "'" + blob.path() + "' does not match the checksum that the hub announces, " + blob.checksum()
                            + "; what was fetched is deleted");
        }
        file.force(true);
    }

    private boolean attempt() throws IOException {
        retries.of("fetching " + blob.path(), this::rest, () -> position);
        if (HexFormat.of().formatHex(digest.digest()).equals(blob.checksum())) {
            return true;
        }
        restart();
        return false;
    }

    private void digestWhatIsThere() throws IOException {
        if (file.size() > blob.bytes()) {
            restart();
        }
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
        while (file.read(chunk, position) > 0) {
            position += chunk.position();
            digest.update(chunk.flip());
            chunk.clear();
        }
        progress.accept(position);
    }

    private void restart() throws IOException {
        file.truncate(0);
        position = 0;
        digest = digest(blob);
        progress.accept(0);
    }

    private long rest() throws IOException {
        if (position == blob.bytes()) {
            return position;
        }
        Answer answer = source.content(position);
        try (InputStream body = answer.body()) {
            if (answer.status() == 416) {
                restart();
                throw new IOException("the server has no byte " + position + " of it");
            }
            if (answer.status() == 200) {
                restart();
            } else if (!answer.headers().firstValue("Content-Range").orElse("").startsWith("bytes " + position + "-")) {
                throw new IOException("the server sent another part of it than was asked for");
            }
            append(body);
        }
        if (position < blob.bytes()) {
            throw new IOException("the connection ended after " + position + " of " + blob.bytes() + " bytes");
        }
        return position;
    }

    private void append(InputStream body) throws IOException {
        byte[] chunk = new byte[CHUNK_BYTES];
        for (int read = body.read(chunk); read >= 0; read = body.read(chunk)) {
            if (read > blob.bytes() - position) {
                restart();
                throw new Unavailable(
                        Reason.DAMAGED,
                        "'" + blob.path() + "' is longer than the announced " + blob.bytes() + " bytes");
            }
            digest.update(chunk, 0, read);
            ByteBuffer bytes = ByteBuffer.wrap(chunk, 0, read);
            while (bytes.hasRemaining()) {
                position += file.write(bytes, position);
            }
            progress.accept(position);
        }
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
