package io.tandem.loadtest.fuzz;

import io.tandem.loadtest.fuzz.Examples.Example;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/** Makes the requests of a run; a seed and a number give the same request again, but for the server's ids. */
final class Attempts {
    private static final List<String> METHODS =
            List.of("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "get", "CONNECT");
    private static final List<String> TYPES = List.of(
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "application/json; charset=utf-16",
            "application/json; charset=none",
            "application/JSON",
            "application/vnd.api+json",
            "application/json, text/plain",
            "*/*",
            "\u00ff",
            "x".repeat(2000));
    private static final List<String> HEADERS = List.of(
            "Expect: 100-continue",
            "Expect: x",
            "Origin: http://evil.example",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Content-Encoding: gzip",
            "Content-Encoding: identity",
            "Accept-Encoding: gzip, br",
            "Accept: text/html",
            "Authorization: Bearer x",
            "Authorization: Basic \u00ff",
            "Cookie: " + "a=b; ".repeat(500),
            "X-Forwarded-For: 1.2.3.4",
            "Range: bytes=0-0",
            "Range: bytes=9-1",
            "If-None-Match: *",
            "Upgrade: websocket\r\nConnection: Upgrade",
            "X: " + "y".repeat(7000),
            "X: " + "y".repeat(20_000),
            "X-\u00ff: y",
            "X: a\0b",
            ": empty",
            "no colon",
            " folded: x",
            "Content-Length: 0",
            "Content-Length: -1",
            "Content-Length: 99999999999999999999",
            "Content-Length: x",
            "Transfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Connection: close",
            "Connection: x",
            "TE: trailers",
            "Access-Control-Request-Method: POST");
    private static final List<String> HOSTS =
            List.of("", "Host: ", "Host: evil.example", "Host: a b", "Host: [::1", "Host: \u00e9");
    private static final List<String> VERSIONS =
            List.of("HTTP/1.0", "HTTP/1.1", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9", "HTTP/x", "FOO/1.1", "");

    private final long seed;
    private final List<Route> routes;
    private final Examples examples;
    private final World world;
    private final String host;

    Attempts(long seed, List<Route> routes, Examples examples, World world, String host) {
        this.seed = seed;
        this.routes = routes;
        this.examples = examples;
        this.world = world;
        this.host = host;
    }

    /** The parts of a request that are changed apart from each other. */
    private static final class Draft {
        private String method;
        private String target;
        private String version = "HTTP/1.1";
        private final Map<String, String> headers = new LinkedHashMap<>();
        private byte[] body = new byte[0];
        private boolean whole = true;

        Draft(String method, String target) {
            this.method = method;
            this.target = target;
        }
    }

    Attempt get(long number) throws IOException {
        Random random = new Random(seed * 1_000_003 + number);
        if (random.nextInt(12) > 0) {
            return one(random);
        }
        ByteArrayOutputStream row = new ByteArrayOutputStream();
        List<String> methods = new ArrayList<>();
        boolean whole = true;
        boolean version = false;
        int count = 2 + random.nextInt(4);
        for (int i = 0; i < count && whole; i++) {
            Attempt next = one(random);
            row.writeBytes(next.bytes());
            methods.addAll(next.methods());
            whole = next.whole();
            version |= next.version();
        }
        return new Attempt(row.toByteArray(), methods, whole, version);
    }

    private Attempt one(Random random) throws IOException {
        Route route = routes.get(random.nextInt(routes.size()));
        List<Example> known = examples.of(route, world.names());
        Example example = known.get(random.nextInt(known.size()));
        Draft draft =
                new Draft(route.method(), example.path() + (example.query().isEmpty() ? "" : "?" + example.query()));
        draft.headers.put("Host", "Host: " + host);
        FormMutation forms = new FormMutation(random, world);
        int kind = random.nextInt(20);
        if (example.json().isPresent()) {
            byte[] body = kind < 10
                    ? new JsonMutation(random).of(example.json().get())
                    : example.json().get().toString().getBytes(StandardCharsets.UTF_8);
            body(draft, "application/json", body);
        } else if (example.form().isPresent()) {
            FormMutation.Body form = kind < 10
                    ? forms.of(example.form().get(), example.files())
                    : forms.valid(example.form().get(), example.files());
            body(draft, form.type(), form.bytes());
        } else if (kind < 10) {
            draft.target = new TargetMutation(random).of(example.path(), example.query());
        }
        if (kind >= 12 && kind < 15) {
            draft.target = new TargetMutation(random).of(example.path(), example.query());
        } else if (kind >= 15 && kind < 19) {
            changeHead(draft, random, forms);
        }
        Attempt made = written(draft, random.nextInt(8) == 0 && draft.body.length > 0, random);
        return kind == 19 ? damaged(made, random) : made;
    }

    private static void body(Draft draft, String type, byte[] bytes) {
        draft.headers.put("Content-Type", "Content-Type: " + type);
        draft.body = bytes;
    }

    private static void changeHead(Draft draft, Random random, FormMutation forms) throws IOException {
        switch (random.nextInt(7)) {
            case 0 -> draft.method = METHODS.get(random.nextInt(METHODS.size()));
            case 1 -> draft.headers.put("Content-Type", "Content-Type: " + TYPES.get(random.nextInt(TYPES.size())));
            case 2 -> {
                String odd = HEADERS.get(random.nextInt(HEADERS.size()));
                draft.headers.put("odd", odd);
                // A length or coding of its own changes where the request ends.
                draft.whole = !odd.startsWith("Content-Length") && !odd.startsWith("Transfer-Encoding");
            }
            case 3 -> draft.headers.put("Host", HOSTS.get(random.nextInt(HOSTS.size())));
            case 4 -> draft.version = VERSIONS.get(random.nextInt(VERSIONS.size()));
            case 5 -> {
                FormMutation.Body form = forms.of(Map.of("purpose", "fine-tune"), List.of("training"));
                body(draft, form.type(), form.bytes());
            }
            default -> {
                draft.method = random.nextBoolean() ? "HEAD" : "OPTIONS";
                draft.target = random.nextInt(4) == 0 ? "*" : draft.target;
            }
        }
    }

    private Attempt written(Draft draft, boolean chunked, Random random) {
        List<String> head = new ArrayList<>(List.of(draft.method + " " + draft.target + " " + draft.version));
        draft.headers.values().stream().filter(line -> !line.isEmpty()).forEach(head::add);
        byte[] body = draft.body;
        boolean whole = draft.whole;
        if (chunked) {
            head.add("Transfer-Encoding: chunked");
            int odd = random.nextInt(8);
            body = chunks(body, random, odd);
            whole &= odd > 3;
        } else if (body.length > 0) {
            head.add("Content-Length: " + body.length);
        }
        boolean http11 = draft.version.equals("HTTP/1.1");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.writeBytes((String.join("\r\n", head) + "\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        bytes.writeBytes(body);
        boolean answered = whole && http11 && !draft.method.equals("CONNECT");
        return new Attempt(bytes.toByteArray(), List.of(draft.method.toUpperCase(Locale.ROOT)), answered, !http11);
    }

    /** @param odd 0 to 3 for what is not well chunked */
    private static byte[] chunks(byte[] body, Random random, int odd) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        int at = 0;
        while (at < body.length) {
            int size = Math.min(body.length - at, 1 + random.nextInt(Math.max(1, body.length / 3)));
            String line = Integer.toHexString(odd == 0 ? size + 1 : size)
                    + (random.nextInt(4) == 0 ? ";ext=" + "e".repeat(1 + random.nextInt(50)) : "");
            out.writeBytes(((odd == 1 ? "-" : odd == 2 ? "zz" : "") + line + "\r\n").getBytes(StandardCharsets.UTF_8));
            out.write(body, at, size);
            out.writeBytes(new byte[] {'\r', '\n'});
            at += size;
        }
        if (odd != 3) {
            String trailer = random.nextInt(4) == 0 ? "X-Trailer: y\r\n" : "";
            out.writeBytes(("0\r\n" + trailer + "\r\n").getBytes(StandardCharsets.UTF_8));
        }
        return out.toByteArray();
    }

    /** Cut, or with other bytes in it. */
    private static Attempt damaged(Attempt valid, Random random) {
        byte[] bytes = valid.bytes().clone();
        if (random.nextBoolean()) {
            bytes = Arrays.copyOf(bytes, random.nextInt(bytes.length));
        } else {
            for (int i = 0; i <= random.nextInt(4); i++) {
                bytes[random.nextInt(Math.min(bytes.length, 300))] = (byte) random.nextInt(256);
            }
        }
        return new Attempt(bytes, valid.methods(), false, true);
    }
}
