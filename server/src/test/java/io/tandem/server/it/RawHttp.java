package io.tandem.server.it;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Requests byte by byte, for what HTTP clients refuse to send. */
final class RawHttp {
    private static final int TIMEOUT_MILLIS = 60_000;
    private static final String HEAD_END = "\r\n\r\n";

    private RawHttp() {}

    /**
     * An answer, read to the end of the connection.
     *
     * @param head status line and headers
     */
    record Answer(int status, String head, String body) {
        List<String> headers(String name) {
            String start = name.toLowerCase(Locale.ROOT) + ":";
            return head.lines()
                    .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(start))
                    .map(line -> line.substring(start.length()).strip())
                    .toList();
        }

        Optional<String> header(String name) {
            return headers(name).stream().findFirst();
        }
    }

    /** A request without a body. */
    static Answer send(int port, String method, String path, String... headers) throws IOException {
        return exchange(port, request(method, path, "", headers));
    }

    static Answer post(int port, String path, String body, String... headers) throws IOException {
        return exchange(port, request("POST", path, body, headers));
    }

    private static String request(String method, String path, String body, String... headers) {
        List<String> all = new ArrayList<>(List.of(headers));
        if (all.stream().noneMatch(header -> header.toLowerCase(Locale.ROOT).startsWith("host:"))) {
            all.add(0, "Host: localhost");
        }
        all.add("Connection: close");
        if (!body.isEmpty()) {
            all.add("Content-Length: " + body.getBytes(StandardCharsets.UTF_8).length);
        }
        return method + " " + path + " HTTP/1.1\r\n" + String.join("\r\n", all) + HEAD_END + body;
    }

    /** Sends text as it is. */
    static Answer exchange(int port, String request) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            socket.setSoTimeout(TIMEOUT_MILLIS);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
            return read(socket.getInputStream());
        }
    }

    static Answer read(InputStream in) throws IOException {
        String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        int end = text.indexOf(HEAD_END);
        if (!text.startsWith("HTTP/1.") || end < 0) {
            throw new IOException("not an answer: '" + text + "'");
        }
        int status = Integer.parseInt(text.substring(9, 12));
        return new Answer(status, text.substring(0, end), text.substring(end + HEAD_END.length()));
    }
}
