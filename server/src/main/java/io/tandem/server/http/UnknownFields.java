package io.tandem.server.http;

import io.tandem.server.api.ApiException;
import io.tandem.server.config.HttpConfig.OnUnknownField;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What happens to fields of a request that nothing reads: clients send many, and a misspelt one looks the same. */
record UnknownFields(OnUnknownField then) {
    private static final Logger LOG = LoggerFactory.getLogger(UnknownFields.class);
    private static final String HEADER = "X-Ignored-Fields";
    private static final int NAMES_MAX = 32;
    /** What is left of a name in a header and in the log. */
    private static final Pattern UNPRINTABLE = Pattern.compile("[^A-Za-z0-9_.\\[\\]-]");

    /** @throws ApiException if such fields are refused */
    void report(Exchange exchange, List<String> names) {
        if (names.isEmpty()) {
            return;
        }
        if (then == OnUnknownField.REFUSE) {
            String name = names.get(0);
            throw ApiException.unsupported(
                    name, "'" + name + "' is not a known field of this request (http.unknown-fields: refuse).");
        }
        String listed = names.stream()
                .limit(NAMES_MAX)
                .map(name -> UNPRINTABLE.matcher(name).replaceAll("?"))
                .collect(Collectors.joining(", "));
        exchange.header(HEADER, names.size() > NAMES_MAX ? listed + ", ..." : listed);
        LOG.debug("{} ignores {}", exchange.label(), listed);
    }
}
