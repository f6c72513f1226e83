package io.tandem.server.environment;

import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Variables of the process's environment. */
public final class Environment {
    private Environment() {}

    /** The value of the first of these variables that has one. */
    public static Optional<String> first(Map<String, String> environment, String... names) {
        return Stream.of(names)
                .map(name -> environment.getOrDefault(name, "").strip())
                .filter(value -> !value.isEmpty())
                .findFirst();
    }
}
