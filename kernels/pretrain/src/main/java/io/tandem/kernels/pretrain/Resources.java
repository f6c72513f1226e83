package io.tandem.kernels.pretrain;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/** The tables that lie beside this package as text files. */
final class Resources {
    private Resources() {}

    /** The lines of a table without comments and blank lines. */
    static List<String> lines(String name) {
        try (InputStream in = Resources.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("resource " + name + " is not on the class path");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The words of a table, each once. */
    static List<String> words(String name) {
        return lines(name).stream()
                .flatMap(line -> Arrays.stream(line.strip().split(" +")))
                .distinct()
                .toList();
    }
}
