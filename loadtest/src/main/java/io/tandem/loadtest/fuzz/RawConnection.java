package io.tandem.loadtest.fuzz;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A connection on which any bytes can be sent; it reads answers as HTTP/1.1 frames them. */
final class RawConnection implements AutoCloseable {
    private final Socket socket = new Socket();
    private final InputStream in;
    private final long limitMillis;
    private final ScheduledExecutorService watchdog;
    private long deadline;
    private boolean reusable = true;

    /**
     * @param limitMillis from the beginning of a request to the end of its answer
     * @param watchdog cuts off a server that does not read
     */
    RawConnection(URI server, long limitMillis, ScheduledExecutorService watchdog) throws IOException {
        this.limitMillis = limitMillis;
        this.watchdog = watchdog;
        socket.connect(new InetSocketAddress(server.getHost(), server.getPort()), (int) limitMillis);
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream());
    }

    /**
     * Sends bytes.
     *
     * @param last whether nothing more will come
     */
    void send(byte[] bytes, boolean last) throws IOException {
        deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(limitMillis);
        ScheduledFuture<?> cut = watchdog.schedule(this::closeQuietly, limitMillis, TimeUnit.MILLISECONDS);
        try {
            socket.getOutputStream().write(bytes);
            if (last) {
                reusable = false;
                socket.shutdownOutput();
            }
        } finally {
            cut.cancel(false);
        }
    }

    /**
     * The next answer; empty if the server has closed the connection.
     *
     * @throws SocketTimeoutException if it does not come in time
     */
    Optional<RawAnswer> read(String method) throws IOException {
        String head = head();
        while (head.startsWith("HTTP/1.1 1")) {
            head = head();
        }
        if (head.isEmpty()) {
            reusable = false;
            return Optional.empty();
        }
        RawAnswer answer = RawAnswer.head(head);
        boolean closes = answer.header("connection").toLowerCase(Locale.ROOT).contains("close");
        reusable &= !closes;
        byte[] body;
        if (method.equals("HEAD") || answer.status() == 204 || answer.status() == 304) {
            body = new byte[0];
        } else if (answer.header("transfer-encoding").equalsIgnoreCase("chunked")) {
            body = chunks();
        } else if (!answer.header("content-length").isEmpty()) {
            body = exactly(Integer.parseInt(answer.header("content-length")));
        } else {
            reusable = false;
            body = rest();
        }
        return Optional.of(answer.with(body));
    }

    /** Whether another request may follow. */
    boolean reusable() {
        return reusable;
    }

    /** What follows on it would be read as something else. */
    void abandon() {
        reusable = false;
        closeQuietly();
    }

    private int next() throws IOException {
        if (in.available() == 0) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw new SocketTimeoutException();
            }
            socket.setSoTimeout((int) left);
        }
        return in.read();
    }

    private String head() throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        int matched = 0;
        while (matched < 4) {
            int next = next();
            if (next < 0) {
                if (head.size() > 0) {
                    throw new IOException("the answer's head is cut: " + head.toString(StandardCharsets.ISO_8859_1));
                }
                return "";
            }
            head.write(next);
            boolean expected = next == (matched % 2 == 0 ? '\r' : '\n');
            matched = expected ? matched + 1 : next == '\r' ? 1 : 0;
        }
        return head.toString(StandardCharsets.ISO_8859_1);
    }

    private byte[] exactly(int length) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        while (body.size() < length) {
            int next = next();
            if (next < 0) {
                throw new IOException("the answer's body is cut");
            }
            body.write(next);
        }
        return body.toByteArray();
    }

    private byte[] rest() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int next = next(); next >= 0; next = next()) {
            body.write(next);
        }
        return body.toByteArray();
    }

    private byte[] chunks() throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (int size = size(); size > 0; size = size()) {
            body.writeBytes(exactly(size));
            exactly(2);
        }
        exactly(2);
        return body.toByteArray();
    }

    private int size() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = next(); next != '\n'; next = next()) {
            if (next < 0) {
                throw new IOException("the answer's body is cut");
            }
            line.append((char) next);
        }
        return Integer.parseInt(line.toString().strip(), 16);
    }

    private void closeQuietly() {
        try {
            close();
        } catch (IOException e) {
            // The connection is gone either way.
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
