package io.tandem.server.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Settings by full key, for example {@code http.port}. Asking for a key makes it known; what was never asked for is
 * refused at the end, so there is no second list of keys to keep in step.
 */
final class ConfigValues {
    private record Setting(@Nullable Object value, String origin) {}

    private final Map<String, Setting> settings = new LinkedHashMap<>();
    private final SortedSet<String> known = new TreeSet<>();

    /**
     * Later ones win.
     *
     * @param origin where the value comes from, to begin a message with
     */
    void add(String origin, String key, @Nullable Object value) {
        settings.put(key, new Setting(value, origin));
    }

    int integer(String key, int standard) {
        return Math.toIntExact(integer(key, standard, Integer.MIN_VALUE, Integer.MAX_VALUE));
    }

    long longInteger(String key, long standard) {
        return integer(key, standard, Long.MIN_VALUE, Long.MAX_VALUE);
    }

    private long integer(String key, long standard, long least, long most) {
        Setting setting = find(key);
        if (setting == null) {
            return standard;
        }
        if (setting.value instanceof Integer || setting.value instanceof Long) {
            long number = ((Number) setting.value).longValue();
            if (number >= least && number <= most) {
                return number;
            }
        }
        throw wrong(key, setting, "a whole number");
    }

    double number(String key, double standard) {
        Setting setting = find(key);
        if (setting == null) {
            return standard;
        }
        if (setting.value instanceof Number number && Double.isFinite(number.doubleValue())) {
            return number.doubleValue();
        }
        throw wrong(key, setting, "a number");
    }

    Optional<String> text(String key) {
        Setting setting = find(key);
        if (setting == null) {
            return Optional.empty();
        }
        if (setting.value instanceof String text && !text.isBlank()) {
            return Optional.of(text);
        }
        throw wrong(key, setting, "text");
    }

    /** Text that no message shows, whatever is wrong with it. */
    Optional<String> secret(String key) {
        Setting setting = find(key);
        if (setting == null) {
            return Optional.empty();
        }
        if (setting.value instanceof String text && !text.isBlank()) {
            return Optional.of(text);
        }
        throw new ConfigException(setting.origin + ": " + key + " is not text; put it in quotes");
    }

    List<String> texts(String key) {
        Setting setting = find(key);
        if (setting == null) {
            return List.of();
        }
        if (setting.value instanceof Iterable<?> values) {
            List<String> texts = new ArrayList<>();
            for (Object value : values) {
                if (!(value instanceof String text) || text.isBlank()) {
                    throw wrong(key, setting, "a list of texts");
                }
                texts.add(text);
            }
            return texts;
        }
        throw wrong(key, setting, "a list of texts");
    }

    /** A section whose keys are names of the user's own, with the texts that they have. */
    Map<String, String> section(String key) {
        Map<String, String> section = new LinkedHashMap<>();
        String prefix = key + ".";
        @Nullable Setting whole = find(key);
        if (whole != null && whole.value != null) {
            throw wrong(key, whole, "a section of names and texts");
        }
        for (String name : List.copyOf(settings.keySet())) {
            if (name.startsWith(prefix)) {
                text(name).ifPresent(text -> section.put(name.substring(prefix.length()), text));
            }
        }
        return section;
    }

    boolean flag(String key, boolean standard) {
        Setting setting = find(key);
        if (setting == null) {
            return standard;
        }
        if (setting.value instanceof Boolean flag) {
            return flag;
        }
        throw wrong(key, setting, "true or false");
    }

    <E extends Enum<E>> E oneOf(String key, E standard) {
        return oneOf(key, standard, "");
    }

    /** @param note for who wrote something else */
    <E extends Enum<E>> E oneOf(String key, E standard, String note) {
        Setting setting = find(key);
        if (setting == null) {
            return standard;
        }
        Class<E> type = standard.getDeclaringClass();
        return Stream.of(type.getEnumConstants())
                .filter(constant -> label(constant).equals(setting.value))
                .findFirst()
                .orElseThrow(() -> wrong(
                        key,
                        setting,
                        String.join(
                                        " or ",
                                        Stream.of(type.getEnumConstants())
                                                .map(ConfigValues::label)
                                                .toList())
                                + note));
    }

    private static String label(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private @Nullable Setting find(String key) {
        known.add(key);
        return settings.get(key);
    }

    /** All keys that were asked for. */
    SortedSet<String> known() {
        return known;
    }

    /** Where the value of a key comes from, to begin a message with. */
    String origin(String key) {
        Setting setting = settings.get(key);
        return setting == null ? "" : setting.origin + ": ";
    }

    void refuseUnknown() {
        settings.forEach((key, setting) -> {
            if (!known.contains(key)) {
                boolean section = known.stream().anyMatch(name -> name.startsWith(key + "."));
                if (section && setting.value != null) {
                    throw wrong(key, setting, "a section with keys like " + nearest(key + "."));
                }
                // A section whose every line is commented out reads as a key without a value.
                if (!section) {
                    throw new ConfigException(
                            setting.origin + ": unknown key " + key + "; did you mean " + nearest(key) + "?");
                }
            }
        });
    }

    private String nearest(String key) {
        return known.stream()
                .min(Comparator.comparingInt(name -> EditDistance.between(name, key, key.length() + name.length())))
                .orElseThrow();
    }

    private static ConfigException wrong(String key, Setting setting, String expected) {
        String found = setting.value == null
                ? "empty"
                : setting.value instanceof String text ? '"' + text + '"' : String.valueOf(setting.value);
        return new ConfigException(setting.origin + ": " + key + " is " + found + ", expected " + expected);
    }
}
