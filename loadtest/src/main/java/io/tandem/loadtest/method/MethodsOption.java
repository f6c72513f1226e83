package io.tandem.loadtest.method;

import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Option;

/** The flag of load tests that try methods. */
final class MethodsOption {
    @Option(
            names = "--methods",
            split = ",",
            paramLabel = "NAME",
            description = "Of loadtest/src/main/resources/…/methods.json; default all.")
    private Set<String> names = new LinkedHashSet<>();

    /** @throws IllegalArgumentException if there is none of a name */
    List<Method> chosen() throws IOException {
        return chosen(Set.of());
    }

    /**
     * @param usual names of those to take if the flag is not given; all if empty
     * @throws IllegalArgumentException if there is none of a name
     */
    List<Method> chosen(Set<String> usual) throws IOException {
        return Method.named(names.isEmpty() ? usual : names);
    }
}
