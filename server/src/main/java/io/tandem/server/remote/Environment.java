package io.tandem.server.remote;

import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Variables of the process's environment. */
final class Environment {
    private Environment() {}

    /** The value of the first of these variables that has one. */
    static Optional<String> first(Map<String, String> environment, String... names) {
        return Stream.of(names)
                .map(name -> environment.getOrDefault(name, "").strip())
                .filter(value -> !value.isEmpty())
                .findFirst();
    }
}
