package io.tandem.server.client;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** Layer numbers as people write them: {@code 3}, {@code 0-3}, {@code 0-3+7}. */
record Layers(List<Integer> numbers) {
    private static final Pattern RANGE = Pattern.compile("([0-9]{1,4})(?:-([0-9]{1,4}))?");

    /** Reads them. */
    static final class Converter implements ITypeConverter<Layers> {
        @Override
        public Layers convert(String text) {
            return new Layers(
                    Stream.of(text.split("\\+", -1)).flatMap(Layers::range).toList());
        }
    }

    private static Stream<Integer> range(String text) {
        Matcher range = RANGE.matcher(text);
        if (!range.matches()) {
            throw new TypeConversionException("'" + text + "' is neither a layer number nor a range such as 0-3");
        }
        int first = Integer.parseInt(range.group(1));
        int last = range.group(2) == null ? first : Integer.parseInt(range.group(2));
        return IntStream.rangeClosed(first, last).boxed();
    }
}
