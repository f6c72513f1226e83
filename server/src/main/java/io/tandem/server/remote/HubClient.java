package io.tandem.server.remote;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.tandem.server.remote.Unavailable.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The requests that a hub answers: which files a revision has, what each of them is, and its bytes. Redirects are followed
 * here, because the JDK's client would take the token along to other hosts.
 */
final class HubClient {
    private static final JsonMapper MAPPER = JsonMapper.builder().build();
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int REDIRECTS_MAX = 5;
    private static final int INFO_BYTES_MAX = 32 << 20;
    private static final Pattern CHECKSUM = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,18}");

    private final HubSettings settings;
    private final HttpClient http = HttpClient.newBuilder()
            // Over HTTP/2 one slow file would hold up the others of the connection.
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(Duration.ofSeconds(10))
            .build();

    HubClient(HubSettings settings) {
        this.settings = settings;
    }

    /**
     * A revision.
     *
     * @param commit 40 hex digits
     * @param files paths in the repository
     */
    record Revision(String commit, Set<String> files) {}

    /**
     * A file.
     *
     * @param checksum the SHA-256 of the content in 64 hex digits, or the SHA-1 of git's blob in 40
     */
    record Blob(String path, long bytes, String checksum) {}

    /**
     * A response whose body fails when it stays silent.
     *
     * @param from where it came from, after redirects
     */
    record Answer(int status, HttpHeaders headers, URI from, InputStream body) {}

    Revision revision(HubName name) throws IOException {
        String revision = URLEncoder.encode(name.revision(), StandardCharsets.UTF_8);
        URI uri = URI.create(settings.endpoint() + "/api/models/" + name.repository() + "/revision/" + revision);
        JsonNode json;
        try (InputStream body = send("GET", uri, 0, name, false).body()) {
            byte[] bytes = body.readNBytes(INFO_BYTES_MAX + 1);
            if (bytes.length > INFO_BYTES_MAX) {
                throw senseless(name, "a list of more than " + INFO_BYTES_MAX + " bytes");
            }
            json = read(bytes, name);
        }
        String commit = json.path("sha").asText();
        if (!HubName.isCommit(commit)) {
            throw senseless(name, "no commit");
        }
        Set<String> files = new LinkedHashSet<>();
        for (JsonNode sibling : json.path("siblings")) {
            String file = sibling.path("rfilename").asText();
            if (!safe(file)) {
                throw senseless(name, "a file that would lie outside of it");
            }
            files.add(file);
        }
        return new Revision(commit, files);
    }

    private static JsonNode read(byte[] json, HubName name) throws IOException {
        try {
            return MAPPER.readTree(json);
        } catch (JsonProcessingException e) {
            throw senseless(name, "no JSON");
        }
    }

    /** Names become paths, so they are what a stranger may say and no more. */
    private static boolean safe(String file) {
        boolean plain = file.chars().allMatch(c -> c >= ' ' && c != 0x7F && "\\:*?\"<>|".indexOf(c) < 0);
        return plain && Stream.of(file.split("/", -1)).noneMatch(part -> part.isEmpty() || part.matches("\\.{1,2}"));
    }

    Blob blob(HubName name, String commit, String file) throws IOException {
        Answer answer = send("HEAD", uri(name, commit, file), 0, name, true);
        answer.body().close();
        HttpHeaders headers = answer.headers();
        String checksum = headers.firstValue("X-Linked-Etag")
                .or(() -> headers.firstValue("ETag"))
                .orElse("")
                .replaceFirst("^W/", "")
                .replace("\"", "");
        String bytes = headers.firstValue("X-Linked-Size")
                .or(() -> headers.firstValue("Content-Length"))
                .orElse("");
        if (!CHECKSUM.matcher(checksum).matches() || !NUMBER.matcher(bytes).matches()) {
            throw senseless(name, "no size or no checksum of " + file);
        }
        return new Blob(file, Long.parseLong(bytes), checksum);
    }

    /**
     * The bytes of a file.
     *
     * @param from the first one; the answer is 206 if it begins there, and 200 if it begins at the first
     */
    Answer content(HubName name, String commit, String file, long from) throws IOException {
        return send("GET", uri(name, commit, file), from, name, false);
    }

    private URI uri(HubName name, String commit, String file) {
        String path = Stream.of(file.split("/", -1))
                .map(part -> URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20"))
                .collect(Collectors.joining("/"));
        return URI.create(settings.endpoint() + "/" + name.repository() + "/resolve/" + commit + "/" + path);
    }

    /**
     * Follows redirects to an answer with 200, 206 or 416.
     *
     * @param describing whether an answer that names the file's checksum is enough, wherever it points
     */
    private Answer send(String method, URI first, long from, HubName name, boolean describing) throws IOException {
        URI uri = first;
        for (int i = 0; i <= REDIRECTS_MAX; i++) {
            Answer answer = send(method, uri, from);
            int status = answer.status();
            if (status == 200 || status == 206 || status == 416) {
                return answer;
            }
            Optional<String> location = answer.headers().firstValue("Location").filter(there -> status / 100 == 3);
            if (describing && answer.headers().firstValue("X-Linked-Etag").isPresent() && location.isPresent()) {
                return answer;
            }
            answer.body().close();
            if (location.isEmpty()) {
                throw refusal(answer, name);
            }
            uri = next(uri, location.get(), name);
        }
        throw senseless(name, "more than " + REDIRECTS_MAX + " redirects");
    }

    private Answer send(String method, URI uri, long from) throws IOException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .timeout(PATIENCE)
                .header("User-Agent", "tandem")
                .header("Accept-Encoding", "identity")
                .method(method, HttpRequest.BodyPublishers.noBody());
        if (from > 0) {
            request.header("Range", "bytes=" + from + "-");
        }
        if (origin(uri).equals(origin(settings.endpoint()))) {
            settings.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
        }
        try {
            HttpResponse<InputStream> response = http.send(request.build(), BodyHandlers.ofInputStream());
            return new Answer(
                    response.statusCode(), response.headers(), uri, new WatchedBody(response.body(), PATIENCE));
        } catch (InterruptedException e) {
            throw Retries.interrupted(e);
        }
    }

    private static String origin(URI uri) {
        int standard = "https".equals(uri.getScheme()) ? 443 : 80;
        return uri.getScheme() + "://" + uri.getHost() + ":" + (uri.getPort() < 0 ? standard : uri.getPort());
    }

    private static URI next(URI from, String location, HubName name) throws Unavailable {
        try {
            URI to = from.resolve(location);
            boolean safer = "https".equals(to.getScheme())
                    || ("http".equals(to.getScheme()) && "http".equals(from.getScheme()));
            if (safer && to.getHost() != null) {
                return to;
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw senseless(name, "a redirect to something else than https");
    }

    /** Says what to do; a hub answers 401 to those without a token also where there is nothing. */
    private IOException refusal(Answer answer, HubName name) {
        int status = answer.status();
        String code = answer.headers().firstValue("X-Error-Code").orElse("");
        String page = settings.endpoint() + "/" + name.repository();
        if (status == 404 && code.equals("EntryNotFound")) {
            return new Unavailable(Reason.ABSENT, name + " lacks a file that it lists");
        }
        if (status == 404 && code.equals("RevisionNotFound")) {
            return new Unavailable(Reason.ABSENT, page + " has no revision '" + name.revision() + "'");
        }
        boolean nameless = settings.token().isEmpty();
        if (status == 404 || code.equals("RepoNotFound")) {
            return new Unavailable(
                    Reason.ABSENT,
                    "there is no repository '" + name + "' at " + settings.endpoint()
                            + (nameless
                                    ? "; if it is private, set HF_TOKEN"
                                    : ", or the token in HF_TOKEN gives no access to it"));
        }
        if (status == 401 || status == 403) {
            return new Unavailable(
                    Reason.DENIED,
                    "the hub denies access to '" + name + "': "
                            + (nameless ? "set HF_TOKEN" : "check the token in HF_TOKEN")
                            + ", and accept the model's licence on " + page);
        }
        if (status == 429 || status == 408 || status >= 500) {
            long seconds = answer.headers()
                    .firstValue("Retry-After")
                    .filter(text -> text.matches("[0-9]{1,4}"))
                    .map(Long::valueOf)
                    .orElse(0L);
            return new Retries.Busy(answer.from().getHost() + " answered " + status, 1000 * seconds);
        }
        return senseless(name, "status " + status);
    }

    private static Unavailable senseless(HubName name, String what) {
        return new Unavailable(Reason.UNREACHABLE, "the hub's answer for " + name + " cannot be used: it has " + what);
    }
}
