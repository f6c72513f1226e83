package io.tandem.server.adapter;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a request leaves the choice of its adapter to the server: {@code auto} for any, {@code auto:NAME,NAME} for one of
 * some.
 *
 * @param names references to adapters; none for any
 */
public record AutoModel(List<String> names) {
    public static final String NAME = "auto";

    private static final Pattern AUTO = Pattern.compile(NAME + "(?::([^,]+(?:,[^,]+)*))?");
    private static final Pattern COMMA = Pattern.compile(",");

    public AutoModel {
        names = List.copyOf(names);
    }

    /** Empty if the model is called otherwise. */
    public static Optional<AutoModel> parse(String model) {
        Matcher auto = AUTO.matcher(model);
        if (!auto.matches()) {
            return Optional.empty();
        }
        return Optional.of(new AutoModel(auto.group(1) == null ? List.of() : List.of(COMMA.split(auto.group(1), -1))));
    }

    public boolean isNamed() {
        return !names.isEmpty();
    }
}
