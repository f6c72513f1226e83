package io.tandem.server.dataset;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.csv.CsvMapper;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import io.tandem.server.api.JsonBody;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** CSV whose header has the keys of a format; empty cells are absent. */
final class CsvRows implements ExampleSource {
    private final MeteredStream bytes;
    private final char separator;
    private @Nullable MappingIterator<Map<String, String>> rows;
    private int number = 1;
    private boolean ended;

    CsvRows(InputStream in, char separator) {
        this.bytes = new MeteredStream(in);
        this.separator = separator;
    }

    /** Reads the header when it is first called. */
    private MappingIterator<Map<String, String>> rows() throws IOException {
        if (rows == null) {
            CsvMapper mapper = CsvMapper.builder()
                    .enable(CsvParser.Feature.SKIP_EMPTY_LINES, CsvParser.Feature.TRIM_SPACES)
                    .build();
            CsvSchema schema = CsvSchema.emptySchema().withHeader().withColumnSeparator(separator);
            InputStreamReader reader = new InputStreamReader(bytes, StandardCharsets.UTF_8.newDecoder());
            rows = mapper.readerForMapOf(String.class).with(schema).readValues(reader);
        }
        return rows;
    }

    /** The separator by which a header has all keys of a format, if there is one. */
    static Optional<Character> separator(String header) {
        return List.of(',', ';', '\t').stream()
                .filter(separator -> LineFormat.of(names(header, separator)).isPresent())
                .findFirst();
    }

    private static List<String> names(String header, char separator) {
        return Arrays.stream(header.split(String.valueOf(separator), -1))
                .map(name -> name.strip().replaceAll("^\"|\"$", ""))
                .toList();
    }

    @Override
    public Optional<JsonNode> next() throws IOException {
        if (ended) {
            return Optional.empty();
        }
        try {
            bytes.restart();
            if (!rows().hasNextValue()) {
                ended = true;
                return Optional.empty();
            }
            number = rows().getParser().currentLocation().getLineNr();
            ObjectNode example = JsonBody.MAPPER.createObjectNode();
            rows().nextValue().forEach((name, cell) -> {
                if (cell != null && !cell.isEmpty()) {
                    example.put(name.replace("\uFEFF", ""), cell);
                }
            });
            return Optional.of(example);
        } catch (CharacterCodingException e) {
            ended = true;
            throw new RejectedLine("is not valid UTF-8, or follows a line that is not");
        } catch (MeteredStream.TooLong e) {
            ended = true;
            throw new RejectedLine("begins a row of more than " + LineReader.MAX_LINE_BYTES + " bytes");
        } catch (JsonProcessingException e) {
            ended = true;
            throw new RejectedLine("is not valid CSV: it has more cells than the header, or a quote without an end");
        }
    }

    @Override
    public int number() {
        return number;
    }
}
