package io.tandem.server.text.jinja;

import io.tandem.server.text.jinja.TemplateException.Refusal;
import java.time.Clock;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.IsoFields;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Functions that every template can call: jinja2's and those of transformers. */
final class Globals {
    private final Budget budget;
    private final Clock clock;

    private Globals(Budget budget, Clock clock) {
        this.budget = budget;
        this.clock = clock;
    }

    static Map<String, Object> of(Budget budget, Clock clock) {
        return new Globals(budget, clock).all();
    }

    private Map<String, Object> all() {
        Map<String, Object> all = new HashMap<>();
        put(all, "range", Range::of);
        put(all, "dict", this::dict);
        put(all, "namespace", arguments -> {
            Namespace namespace = new Namespace();
            dict(arguments).forEach((key, value) -> namespace.attributes().put(Text.of(budget, key), value));
            return namespace;
        });
        put(all, "raise_exception", arguments -> {
            throw new Refusal(Text.of(budget, arguments.get(0, "message")));
        });
        put(all, "strftime_now", arguments -> strftime(arguments.text(0, "format")));
        put(all, "cycler", arguments -> new Cycler(arguments.positional()).methods());
        put(all, "joiner", this::joiner);
        return all;
    }

    private static void put(Map<String, Object> all, String name, Function function) {
        all.put(name, function);
    }

    private Map<Object, Object> dict(Arguments arguments) {
        Map<Object, Object> made = new LinkedHashMap<>();
        for (Object start : arguments.positional()) {
            if (start instanceof Map<?, ?> map) {
                made.putAll(map);
                continue;
            }
            for (Object pair : Values.list(budget, start)) {
                List<Object> entry = Values.list(budget, pair);
                if (entry.size() != 2) {
                    throw new TemplateException("dict() needs pairs");
                }
                made.put(Values.key(entry.get(0)), entry.get(1));
            }
        }
        made.putAll(arguments.named());
        budget.make(made.size());
        return made;
    }

    private Object joiner(Arguments arguments) {
        String separator = arguments.text(0, "sep", ", ");
        boolean[] used = {false};
        Function next = call -> {
            String now = used[0] ? separator : "";
            used[0] = true;
            return now;
        };
        return next;
    }

    /** Goes round through its items. */
    private static final class Cycler {
        private final List<Object> items;
        private int at;

        Cycler(List<Object> items) {
            if (items.isEmpty()) {
                throw new TemplateException("at least one item has to be provided");
            }
            this.items = items;
        }

        Namespace methods() {
            Namespace methods = new Namespace();
            Function next = arguments -> {
                Object item = items.get(at);
                at = (at + 1) % items.size();
                return item;
            };
            methods.attributes().put("next", next);
            return methods;
        }
    }

    /** The date and time by C's {@code strftime}. */
    private String strftime(String format) {
        ZonedDateTime now = ZonedDateTime.now(clock);
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char c = format.charAt(i);
            if (c != '%' || i + 1 == format.length()) {
                out.append(c);
                continue;
            }
            boolean bare = format.charAt(i + 1) == '-' && i + 2 < format.length();
            i += bare ? 2 : 1;
            String field = field(format.charAt(i), now);
            out.append(bare ? field.replaceFirst("^[0 ](?=.)", "") : field);
        }
        budget.make(out.length());
        return out.toString();
    }

    private static String field(char code, ZonedDateTime now) {
        int weekday = now.getDayOfWeek().getValue();
        return switch (code) {
            case '%' -> "%";
            case 'n' -> "\n";
            case 't' -> "\t";
            case 'u' -> Integer.toString(weekday);
            case 'w' -> Integer.toString(weekday % 7);
            case 'U' -> "%02d".formatted((now.getDayOfYear() + 6 - weekday % 7) / 7);
            case 'W' -> "%02d".formatted((now.getDayOfYear() + 7 - weekday) / 7);
            case 'V' -> "%02d".formatted(now.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
            case 'G' -> Integer.toString(now.get(IsoFields.WEEK_BASED_YEAR));
            case 'C' -> "%02d".formatted(now.getYear() / 100);
            case 'l' -> "%2d".formatted((now.getHour() + 11) % 12 + 1);
            case 'k' -> "%2d".formatted(now.getHour());
            case 's' -> Long.toString(now.toEpochSecond());
            case 'P' -> now.getHour() < 12 ? "am" : "pm";
            default -> {
                String pattern = pattern(code);
                yield pattern.isEmpty() ? "%" + code : now.format(DateTimeFormatter.ofPattern(pattern, Locale.US));
            }
        };
    }

    private static String pattern(char code) {
        return switch (code) {
            case 'Y' -> "uuuu";
            case 'y' -> "uu";
            case 'm' -> "MM";
            case 'B' -> "MMMM";
            case 'b', 'h' -> "MMM";
            case 'd' -> "dd";
            case 'e' -> "ppd";
            case 'j' -> "DDD";
            case 'A' -> "EEEE";
            case 'a' -> "EEE";
            case 'H' -> "HH";
            case 'I' -> "hh";
            case 'M' -> "mm";
            case 'S' -> "ss";
            case 'f' -> "SSSSSS";
            case 'p' -> "a";
            case 'z' -> "xx";
            case 'Z' -> "zzz";
            case 'F' -> "uuuu-MM-dd";
            case 'T', 'X' -> "HH:mm:ss";
            case 'R' -> "HH:mm";
            case 'D', 'x' -> "MM/dd/uu";
            case 'c' -> "EEE MMM ppd HH:mm:ss uuuu";
            default -> "";
        };
    }
}
