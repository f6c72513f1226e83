package io.tandem.server.remote;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Answers like huggingface.co: large files are redirected to a server of another origin that wants no token, small ones to
 * another path, and errors have a code in a header.
 */
public final class LocalHub implements AutoCloseable {
    public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    private static final Pattern REVISION = Pattern.compile("/api/models/([^/]+/[^/]+)/revision/([^/]+)");
    private static final Pattern RESOLVE = Pattern.compile("/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)");
    private static final Pattern RANGE = Pattern.compile("bytes=([0-9]+)-");

    /** A request as it arrived, at the hub or at the server of large files. */
    public record Seen(String method, String host, String path, String range, String authorization) {}

    /** What happens to an answer with a file: how many of its bytes are sent, and which. */
    public interface Fault {
        /** @return bytes after which the connection is cut */
        int cut(String file, int length);
    }

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpServer hub;
    private final HttpServer large;
    private final Map<String, Map<String, byte[]>> repositories = new ConcurrentHashMap<>();
    private final List<Seen> seen = new CopyOnWriteArrayList<>();
    private volatile Optional<String> token = Optional.empty();
    private volatile Fault fault = (file, length) -> length;
    private volatile UnaryOperator<byte[]> change = bytes -> bytes;
    private volatile boolean ranges = true;
    private volatile long announced;
    private final List<Integer> refusals = new CopyOnWriteArrayList<>();

    public LocalHub() throws IOException {
        // Or each answer waits for the client's delayed acknowledgement.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        InetSocketAddress free = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        hub = HttpServer.create(free, 0);
        large = HttpServer.create(free, 0);
        for (HttpServer server : List.of(hub, large)) {
            server.setExecutor(threads);
            server.createContext("/", exchange -> {
                try (exchange) {
                    answer(exchange, server == large);
                }
            });
            server.start();
        }
    }

    public String url() {
        return "http://127.0.0.1:" + hub.getAddress().getPort();
    }

    /** The files of a directory become a repository. */
    public void publish(String repository, Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                publish(repository, directory.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
    }

    public void publish(String repository, String file, byte[] content) {
        repositories
                .computeIfAbsent(repository, name -> new ConcurrentSkipListMap<>())
                .put(file, content);
    }

    /** From now on all need this token. */
    public void require(String wanted) {
        token = Optional.of(wanted);
    }

    public void fault(Fault next) {
        fault = next;
    }

    /** What is sent instead of a file's bytes. */
    public void change(UnaryOperator<byte[]> next) {
        change = next;
    }

    public void withoutRanges() {
        ranges = false;
    }

    /** Weights are said to have so many bytes. */
    public void announce(long bytes) {
        announced = bytes;
    }

    /** The next requests are answered with these statuses. */
    public void refuse(Integer... statuses) {
        refusals.addAll(List.of(statuses));
    }

    public List<Seen> seen() {
        return List.copyOf(seen);
    }

    /** The requests for the bytes of a file, where they were answered with bytes. */
    public List<Seen> fetched(String file) {
        return seen.stream()
                .filter(request -> request.method().equals("GET")
                        && request.path().endsWith("/" + file)
                        && !request.path().contains("/resolve/"))
                .toList();
    }

    private void answer(HttpExchange exchange, boolean cdn) throws IOException {
        Headers headers = exchange.getRequestHeaders();
        URI uri = exchange.getRequestURI();
        String path = uri.getPath();
        seen.add(new Seen(
                exchange.getRequestMethod(),
                cdn ? "large" : "hub",
                path,
                headers.getOrDefault("Range", List.of("")).get(0),
                headers.getOrDefault("Authorization", List.of("")).get(0)));
        if (!refusals.isEmpty()) {
            refuse(exchange, refusals.remove(0), "");
            return;
        }
        if (cdn) {
            String[] parts = path.split("/", 4);
            send(exchange, parts[1] + "/" + parts[2], parts[3]);
            return;
        }
        if (token.isPresent()
                && !headers.getOrDefault("Authorization", List.of("")).contains("Bearer " + token.get())) {
            refuse(exchange, 401, "GatedRepo");
            return;
        }
        Matcher revision = REVISION.matcher(uri.getRawPath());
        Matcher resolve = RESOLVE.matcher(path);
        if (path.startsWith("/api/resolve-cache/")) {
            String[] parts = path.substring("/api/resolve-cache/".length()).split("/", 3);
            send(exchange, parts[0] + "/" + parts[1], parts[2]);
        } else if (revision.matches()) {
            revision(exchange, revision.group(1), revision.group(2));
        } else if (resolve.matches()) {
            resolve(exchange, resolve.group(1), resolve.group(3));
        } else {
            refuse(exchange, 404, "");
        }
    }

    private void revision(HttpExchange exchange, String repository, String revision) throws IOException {
        if (!repositories.containsKey(repository)) {
            // As huggingface.co does to those whom it does not know.
            refuse(exchange, exchange.getRequestHeaders().containsKey("Authorization") ? 404 : 401, "RepoNotFound");
        } else if (!List.of("main", "v1", "refs%2Fpr%2F1", COMMIT).contains(revision)) {
            refuse(exchange, 404, "RevisionNotFound");
        } else {
            List<Map<String, String>> siblings = repositories.get(repository).keySet().stream()
                    .map(file -> Map.of("rfilename", file))
                    .toList();
            byte[] json =
                    new JsonMapper().writeValueAsBytes(Map.of("id", repository, "sha", COMMIT, "siblings", siblings));
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, json.length);
            exchange.getResponseBody().write(json);
        }
    }

    private void resolve(HttpExchange exchange, String repository, String file) throws IOException {
        byte[] content = repositories.getOrDefault(repository, Map.of()).get(file);
        if (content == null) {
            refuse(exchange, 404, "EntryNotFound");
            return;
        }
        Headers headers = exchange.getResponseHeaders();
        headers.add("X-Repo-Commit", COMMIT);
        if (file.endsWith(".safetensors")) {
            headers.add("X-Linked-Etag", '"' + sha256(content) + '"');
            headers.add("X-Linked-Size", String.valueOf(announced > 0 ? announced : content.length));
            headers.add("Location", "http://127.0.0.1:" + large.getAddress().getPort() + "/" + repository + "/" + file);
            exchange.sendResponseHeaders(302, -1);
        } else {
            headers.add("Location", "/api/resolve-cache/" + repository + "/" + file.replace(" ", "%20"));
            exchange.sendResponseHeaders(307, -1);
        }
    }

    private void send(HttpExchange exchange, String repository, String file) throws IOException {
        byte[] published = repositories.getOrDefault(repository, Map.of()).getOrDefault(file, new byte[0]);
        exchange.getResponseHeaders().add("ETag", "W/\"" + gitBlob(published) + '"');
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.getResponseHeaders().add("Content-Length", String.valueOf(published.length));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        byte[] content = change.apply(published);
        Matcher range = RANGE.matcher(
                exchange.getRequestHeaders().getOrDefault("Range", List.of("")).get(0));
        int from = ranges && range.matches() ? Integer.parseInt(range.group(1)) : 0;
        if (from > content.length) {
            refuse(exchange, 416, "");
            return;
        }
        if (from > 0) {
            exchange.getResponseHeaders()
                    .add("Content-Range", "bytes " + from + "-" + (content.length - 1) + "/" + content.length);
        }
        byte[] rest = Arrays.copyOfRange(content, from, content.length);
        exchange.sendResponseHeaders(from > 0 ? 206 : 200, rest.length == 0 ? -1 : rest.length);
        exchange.getResponseBody().write(rest, 0, Math.min(rest.length, fault.cut(file, rest.length)));
        exchange.getResponseBody().flush();
    }

    private static void refuse(HttpExchange exchange, int status, String code) throws IOException {
        if (!code.isEmpty()) {
            exchange.getResponseHeaders().add("X-Error-Code", code);
        }
        if (status == 429) {
            exchange.getResponseHeaders().add("Retry-After", "0");
        }
        exchange.sendResponseHeaders(status, -1);
    }

    public static String sha256(byte[] content) {
        return hex("SHA-256", content);
    }

    /** The name that git gives a file's content. */
    public static String gitBlob(byte[] content) {
        byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
        byte[] all = Arrays.copyOf(head, head.length + content.length);
        System.arraycopy(content, 0, all, head.length, content.length);
        return hex("SHA-1", all);
    }

    private static String hex(String algorithm, byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(content));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        hub.stop(0);
        large.stop(0);
        threads.shutdownNow();
    }
}
