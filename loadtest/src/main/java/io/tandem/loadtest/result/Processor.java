package io.tandem.loadtest.result;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** What this machine computes on. Run by itself, it prints {@link #kind}, for folders of results. */
public final class Processor {
    private static final Path FILE = Path.of("/proc/cpuinfo");
    /** By what decides how matrices are multiplied, the most capable first. */
    private static final Map<String, List<String>> KINDS = Map.of(
            "flags", List.of("amx_bf16", "avx512_bf16", "avx512f", "avx2"),
            "features", List.of("sme", "i8mm", "bf16", "asimd"));

    private Processor() {}

    public static void main(String[] args) throws IOException {
        PrintStream out = System.out;
        out.println(kind());
    }

    /** For example {@code avx2} or {@code amx-bf16}; the architecture where the system does not say more. */
    public static String kind() throws IOException {
        for (Map.Entry<String, List<String>> names : KINDS.entrySet()) {
            Set<String> found = new HashSet<>(List.of(line(names.getKey()).split(" ", -1)));
            for (String name : names.getValue()) {
                if (found.contains(name)) {
                    return name.replace('_', '-');
                }
            }
        }
        return System.getProperty("os.arch").toLowerCase(Locale.ROOT);
    }

    /** As the system names it. */
    static String name() throws IOException {
        String name = line("model name");
        return name.isEmpty() ? System.getProperty("os.arch") : name;
    }

    /** The value of the first processor; empty if there is none. */
    private static String line(String key) throws IOException {
        if (!Files.exists(FILE)) {
            return "";
        }
        try (Stream<String> lines = Files.lines(FILE)) {
            return lines.filter(line -> line.toLowerCase(Locale.ROOT).startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("");
        }
    }
}
