package io.tandem.kernels.weights;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Parses the JSON header of a safetensors file. It streams, so that a large header costs the memory of its tensors and
 * no tree on top; and it checks what the format promises: the tensors cover the data without gaps and overlaps, and
 * every range is as long as the shape and type say.
 */
final class SafetensorsHeader {
    private static final JsonFactory JSON = JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(8)
                    .maxNumberLength(24)
                    .build())
            .build();
    private static final int MAX_DIMENSIONS = 8;

    private final Path file;
    private final long dataBegin;
    private final long dataEnd;
    private final Map<String, TensorEntry> entries = new LinkedHashMap<>();
    private boolean metadataSeen;

    private SafetensorsHeader(Path file, long dataBegin, long dataEnd) {
        this.file = file;
        this.dataBegin = dataBegin;
        this.dataEnd = dataEnd;
    }

    /**
     * Parses and checks.
     *
     * @param json the header
     * @param dataBegin where the header ends and the data begin, from the beginning of the file
     * @param dataEnd the size of the file
     */
    static Map<String, TensorEntry> parse(Path file, byte[] json, long dataBegin, long dataEnd) {
        SafetensorsHeader header = new SafetensorsHeader(file, dataBegin, dataEnd);
        if (json.length == 0 || json[0] != '{') {
            throw ModelFormatException.in(file, "the header is not a JSON object");
        }
        try (JsonParser parser = JSON.createParser(json)) {
            header.parse(parser);
        } catch (IOException e) {
            throw ModelFormatException.in(file, "the header is not valid JSON", e);
        }
        header.checkCoverage();
        return header.entries;
    }

    private void parse(JsonParser parser) throws IOException {
        parser.nextToken();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String name = parser.currentName();
            JsonToken value = parser.nextToken();
            if (name.equals("__metadata__")) {
                metadata(parser, value);
            } else {
                TensorEntry entry = tensor(parser, value, name);
                if (entries.put(name, entry) != null) {
                    throw tensorProblem(name, "occurs twice");
                }
            }
        }
        if (parser.nextToken() != null) {
            throw ModelFormatException.in(file, "something follows the header's JSON object");
        }
    }

    private void metadata(JsonParser parser, @Nullable JsonToken value) throws IOException {
        if (metadataSeen || value != JsonToken.START_OBJECT) {
            throw ModelFormatException.in(file, "__metadata__ is not one object");
        }
        metadataSeen = true;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            if (parser.nextToken() != JsonToken.VALUE_STRING) {
                throw ModelFormatException.at(file, "__metadata__", parser.getText(), "strings only");
            }
        }
    }

    private TensorEntry tensor(JsonParser parser, @Nullable JsonToken first, String name) throws IOException {
        if (first != JsonToken.START_OBJECT) {
            throw tensorProblem(name, "is described by something that is not an object");
        }
        StoredType dtype = null;
        long[] shape = null;
        long[] range = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = parser.currentName();
            parser.nextToken();
            switch (key) {
                case "dtype" -> dtype = once(name, key, dtype, dtype(parser, name));
                case "shape" -> shape = once(name, key, shape, counts(parser, name, key, MAX_DIMENSIONS));
                case "data_offsets" -> range = once(name, key, range, counts(parser, name, key, 2));
                default -> throw tensorProblem(name, "has the unknown key " + key);
            }
        }
        if (dtype == null || shape == null || range == null || range.length != 2) {
            throw tensorProblem(name, "needs dtype, shape and two data_offsets");
        }
        return entry(name, dtype, shape, range);
    }

    private TensorEntry entry(String name, StoredType dtype, long[] shape, long[] range) {
        if (range[0] > range[1] || range[1] > dataEnd - dataBegin) {
            throw tensorProblem(
                    name,
                    "has data_offsets [" + range[0] + ", " + range[1] + "], expected a range within the "
                            + (dataEnd - dataBegin) + " bytes of data");
        }
        long bytes = dtype.bytes();
        try {
            for (long size : shape) {
                bytes = Math.multiplyExact(bytes, size);
            }
        } catch (ArithmeticException e) {
            throw new ModelFormatException(file + ": tensor " + name + " has a shape whose product overflows", e);
        }
        TensorEntry entry = new TensorEntry(name, dtype, shape, dataBegin + range[0], dataBegin + range[1]);
        if (bytes != entry.bytes()) {
            throw tensorProblem(
                    ModelFormatException.excerpt(entry.toString()),
                    "takes " + entry.bytes() + " bytes, expected " + bytes);
        }
        return entry;
    }

    private <T> T once(String name, String key, @Nullable T before, T now) {
        if (before != null) {
            throw tensorProblem(name, "has " + key + " twice");
        }
        return now;
    }

    private StoredType dtype(JsonParser parser, String name) throws IOException {
        String label = parser.getText();
        for (StoredType type : StoredType.values()) {
            if (type.name().equals(label)) {
                return type;
            }
        }
        throw tensorProblem(name, "has the unknown dtype " + label);
    }

    private long[] counts(JsonParser parser, String name, String key, int max) throws IOException {
        if (parser.currentToken() != JsonToken.START_ARRAY) {
            throw tensorProblem(name, "has a " + key + " that is not a list");
        }
        List<Long> counts = new ArrayList<>(max);
        while (parser.nextToken() != JsonToken.END_ARRAY) {
            boolean count = parser.currentToken() == JsonToken.VALUE_NUMBER_INT
                    && parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER
                    && parser.getLongValue() >= 0;
            if (!count || counts.size() == max) {
                throw tensorProblem(name, "has a " + key + " that is not a list of up to " + max + " counts");
            }
            counts.add(parser.getLongValue());
        }
        return counts.stream().mapToLong(Long::longValue).toArray();
    }

    private void checkCoverage() {
        List<TensorEntry> byPlace = new ArrayList<>(entries.values());
        byPlace.sort(Comparator.comparingLong(TensorEntry::begin).thenComparingLong(TensorEntry::end));
        long at = dataBegin;
        for (TensorEntry entry : byPlace) {
            if (entry.begin() != at) {
                String problem = entry.begin() < at ? "overlaps the tensor before it" : "leaves a gap before it";
                throw tensorProblem(entry.name(), problem + ": it begins at " + entry.begin() + ", expected " + at);
            }
            at = entry.end();
        }
        if (at != dataEnd) {
            throw ModelFormatException.in(file, "the tensors end at byte " + at + ", the file at " + dataEnd);
        }
    }

    private ModelFormatException tensorProblem(String name, String problem) {
        return ModelFormatException.in(
                file, "tensor " + ModelFormatException.excerpt(name) + " " + ModelFormatException.excerpt(problem));
    }
}
