package io.tandem.loadtest.fuzz;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Paths and queries that are almost those of a route. */
final class TargetMutation {
    private static final List<String> SEGMENTS = List.of(
            "%zz",
            "%",
            "%2",
            "%00",
            "%ff",
            "%c3%28",
            "%2e%2e",
            "..",
            ".",
            "%2f",
            "%2F..%2F..%2Fetc%2Fpasswd",
            "%5c",
            "a%0d%0aX:%20y",
            "%u0041",
            "a+b",
            "file-000000000000000000000000",
            "ftjob-0",
            "first@",
            "first@0000",
            "first@zz",
            "@",
            ":id",
            "*",
            "\u00e9",
            "%F0%9F%98%80",
            "{}",
            "|",
            "\"",
            "x".repeat(300),
            "x".repeat(3000),
            "x".repeat(9000),
            "",
            "null",
            "0",
            "a;b=c");
    private static final List<String> VALUES = List.of(
            "",
            "0",
            "1",
            "-1",
            "1e3",
            "99999999999999999999",
            "%zz",
            "%",
            "%00",
            "%ff",
            "%c3%28",
            "a=b",
            "a%3Db",
            "=",
            "desc",
            "x".repeat(5000),
            "\u00e9",
            "[]",
            "+",
            "'",
            "file-000000000000000000000000");

    private final Random random;

    TargetMutation(Random random) {
        this.random = random;
    }

    String of(String path, String query) {
        String odd = path;
        if (random.nextBoolean()) {
            List<String> segments = new ArrayList<>(List.of(path.split("/", -1)));
            int at = 1 + random.nextInt(segments.size());
            if (at < segments.size() && random.nextInt(3) > 0) {
                segments.set(at, one(SEGMENTS));
            } else {
                segments.add(at, one(SEGMENTS));
            }
            odd = String.join("/", segments);
        }
        return odd + (random.nextInt(3) > 0 ? "?" + query(query) : "");
    }

    private String query(String valid) {
        List<String> parts = new ArrayList<>(valid.isEmpty() ? List.of() : List.of(valid.split("&")));
        List<String> names = List.copyOf(World.queryNames());
        for (int i = 0; i <= random.nextInt(3); i++) {
            parts.add(random.nextInt(8) == 0 ? one(VALUES) : one(names) + "=" + one(VALUES));
        }
        return String.join(random.nextInt(10) == 0 ? ";" : "&", parts);
    }

    private String one(List<String> choices) {
        return choices.get(random.nextInt(choices.size()));
    }
}
