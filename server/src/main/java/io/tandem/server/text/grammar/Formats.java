package io.tandem.server.text.grammar;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Expressions for the formats of strings. Each matches a part of what the format allows that every validator takes. */
final class Formats {
    private static final String YEAR = "(19[0-9]{2}|20[0-9]{2})";
    /** Days that every month has, and the last ones where they exist; leap days are left out. */
    private static final String DATE =
            YEAR + "-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)";

    private static final String CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?";
    private static final String OFFSET = "(Z|\\+(0[0-9]|1[0-7]):[0-5][0-9]|-(0[1-9]|1[0-7]):[0-5][0-9])";
    private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    private static final String LABEL = "[A-Za-z0-9]([A-Za-z0-9]{0,30}|[A-Za-z0-9-]{0,1}[A-Za-z0-9]{1,30})";
    private static final String HOST = LABEL + "(\\." + LABEL + "){0,3}";
    /** Validators know which exist. */
    private static final String DOMAINS =
            "(com|org|net|edu|gov|info|io|dev|ai|app|cloud|eu|us|ca|mx|br|ar|cl|co|uk|ie|de|at"
                    + "|ch|fr|be|nl|lu|es|pt|it|dk|se|no|fi|pl|cz|sk|hu|ro|bg|gr|tr|ua|ru|il|ae|za|ng|ke|eg|in|cn|jp|kr|tw|hk|sg|th|vn"
                    + "|id|my|ph|au|nz)";

    private static final String GROUP = "[0-9a-fA-F]{1,4}";

    private static final Map<String, String> EXPRESSIONS = Map.of(
            "date", DATE,
            "time", CLOCK + OFFSET,
            "date-time", DATE + "T" + CLOCK + OFFSET,
            "duration", "P([0-9]{1,4}D(T[0-9]{1,4}H([0-9]{1,4}M([0-9]{1,4}S)?)?)?|T[0-9]{1,4}[HMS]|[0-9]{1,4}[WMY])",
            "uuid", "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "ipv4", BYTE + "(\\." + BYTE + "){3}",
            "ipv6", GROUP + "(:" + GROUP + "){7}",
            "hostname", HOST,
            "email", "[A-Za-z0-9]([A-Za-z0-9_+-]|\\.[A-Za-z0-9]){0,40}@([A-Za-z0-9]{1,30}\\.){1,3}" + DOMAINS,
            "uri",
                    "(https?|ftp)://" + HOST
                            + "(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~-]{0,60}){0,8}(\\?[A-Za-z0-9=&_-]{1,200})?");

    private Formats() {}

    /** Texts of a format; null if it is not known, and then it says nothing, as JSON Schema has it. */
    static @Nullable CharNfa texts(String format) {
        String expression = EXPRESSIONS.get(format);
        return expression == null ? null : RegexNfa.whole(expression);
    }
}
