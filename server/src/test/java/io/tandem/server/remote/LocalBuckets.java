package io.tandem.server.remote;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The part of an S3-compatible store that readers need, with buckets in the path. Requests must be signed as AWS's <a
 * href="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html">Signature Version 4</a>
 * says.
 */
public final class LocalBuckets implements AutoCloseable {
    public static final String KEY = "AKIDEXAMPLE";
    public static final String SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    private static final Pattern AUTHORIZATION = Pattern.compile(
            "AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\\S+)");
    private static final Pattern RANGE = Pattern.compile("bytes=([0-9]+)-([0-9]+)");

    private final HttpServer server;
    private final Map<String, byte[]> objects = new ConcurrentHashMap<>();
    private final List<String> seen = new CopyOnWriteArrayList<>();

    public LocalBuckets() throws IOException {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            try (exchange) {
                answer(exchange);
            }
        });
        server.start();
    }

    public String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort();
    }

    /** @param path {@code bucket/key} */
    public void put(String path, byte[] content) {
        objects.put("/" + path, content);
    }

    /** Methods and paths of all requests. */
    public List<String> seen() {
        return List.copyOf(seen);
    }

    private void answer(HttpExchange exchange) throws IOException {
        String path = exchange.getRequestURI().getPath();
        seen.add(exchange.getRequestMethod() + " " + path);
        byte[] content = objects.get(path);
        Headers headers = exchange.getResponseHeaders();
        if (!signed(exchange)) {
            refuse(exchange, 403, "SignatureDoesNotMatch");
        } else if (content == null) {
            refuse(exchange, 404, "NoSuchKey");
        } else if (exchange.getRequestMethod().equals("HEAD")) {
            headers.add("ETag", etag(content));
            headers.add("Content-Length", String.valueOf(content.length));
            exchange.sendResponseHeaders(200, -1);
        } else if (!header(exchange, "If-Match").equals(etag(content))) {
            refuse(exchange, 412, "PreconditionFailed");
        } else {
            Matcher range = RANGE.matcher(header(exchange, "Range"));
            byte[] part = range.matches()
                    ? Arrays.copyOfRange(
                            content, Integer.parseInt(range.group(1)), Integer.parseInt(range.group(2)) + 1)
                    : content;
            headers.add("ETag", etag(content));
            headers.add("Content-Range", "bytes " + range.group(1) + "-" + range.group(2) + "/" + content.length);
            exchange.sendResponseHeaders(206, part.length);
            exchange.getResponseBody().write(part);
        }
    }

    private static void refuse(HttpExchange exchange, int status, String code) throws IOException {
        byte[] xml = ("<Error><Code>" + code + "</Code><Message>no</Message></Error>").getBytes(StandardCharsets.UTF_8);
        boolean head = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, head ? -1 : xml.length);
        if (!head) {
            exchange.getResponseBody().write(xml);
        }
    }

    private static String header(HttpExchange exchange, String name) {
        return exchange.getRequestHeaders().getOrDefault(name, List.of("")).stream()
                .map(String::strip)
                .collect(Collectors.joining(","));
    }

    private static boolean signed(HttpExchange exchange) {
        Matcher authorization = AUTHORIZATION.matcher(header(exchange, "Authorization"));
        if (!authorization.matches() || !authorization.group(1).equals(KEY)) {
            return false;
        }
        String names = authorization.group(4);
        String headers = Stream.of(names.split(";"))
                .map(name -> name.toLowerCase(Locale.ROOT) + ":" + header(exchange, name) + "\n")
                .collect(Collectors.joining());
        String request = String.join(
                "\n",
                exchange.getRequestMethod(),
                exchange.getRequestURI().getRawPath(),
                exchange.getRequestURI().getRawQuery() == null
                        ? ""
                        : exchange.getRequestURI().getRawQuery(),
                headers,
                names,
                header(exchange, "x-amz-content-sha256"));
        String scope = authorization.group(2) + "/" + authorization.group(3) + "/s3/aws4_request";
        String text = "AWS4-HMAC-SHA256\n" + header(exchange, "x-amz-date") + "\n" + scope + "\n"
                + LocalHub.sha256(bytes(request));
        byte[] key = bytes("AWS4" + SECRET);
        for (String part : scope.split("/")) {
            key = hmac(key, part);
        }
        return HexFormat.of().formatHex(hmac(key, text)).equals(authorization.group(5));
    }

    private static byte[] hmac(byte[] key, String text) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            return mac.doFinal(bytes(text));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String etag(byte[] content) {
        try {
            return '"'
                    + HexFormat.of().formatHex(MessageDigest.getInstance("MD5").digest(content))
                    + '"';
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
