package io.tandem.loadtest;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a server's log for what no client may cause. */
public final class ServerLog {
    private static final int SHOWN_FRAMES = 6;

    private ServerLog() {}

    /** The stack traces in a log, one of each kind. */
    public static Collection<String> stackTraces(Path log) throws IOException {
        // Not every byte of a log need be valid text.
        List<String> lines = new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
                .lines()
                .toList();
        Map<String, String> traces = new LinkedHashMap<>();
        for (int i = 1; i < lines.size(); i++) {
            if (isFrame(lines.get(i)) && !isFrame(lines.get(i - 1)) && !isCause(lines.get(i - 1))) {
                int end = i;
                while (end < Math.min(lines.size(), i + SHOWN_FRAMES)
                        && (isFrame(lines.get(end)) || isCause(lines.get(end)))) {
                    end++;
                }
                // The message and the request differ from one to the next.
                String kind = String.join("\n", lines.subList(i, end));
                traces.putIfAbsent(kind, String.join("\n", lines.subList(Math.max(0, i - 2), end)));
            }
        }
        return traces.values();
    }

    private static boolean isFrame(String line) {
        return line.startsWith("\tat ");
    }

    private static boolean isCause(String line) {
        return line.startsWith("Caused by: ") || line.startsWith("\t");
    }
}
