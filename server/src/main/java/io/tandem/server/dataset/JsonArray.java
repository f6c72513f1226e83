package io.tandem.server.dataset;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tandem.server.api.JsonBody;
import java.io.CharConversionException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Optional;

/** One JSON array. What comes behind a mistake of syntax cannot be told apart, so it ends the reading. */
final class JsonArray implements ExampleSource {
    /** What requests may have of names, values and brackets in all is no limit of a file, whose elements are bounded one by one. */
    private static final JsonFactory FILES = JsonBody.MAPPER
            .getFactory()
            .rebuild()
            .streamReadConstraints(JsonBody.MAPPER
                    .getFactory()
                    .streamReadConstraints()
                    .rebuild()
                    .maxTokenCount(Long.MAX_VALUE)
                    .build())
            .build();

    /** More elements come behind one. */
    private static final ObjectReader ELEMENT =
            JsonBody.MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final MeteredStream bytes;
    private final JsonParser parser;
    private int number = 1;
    private boolean begun;
    private boolean ended;

    JsonArray(InputStream in) throws IOException {
        bytes = new MeteredStream(in);
        parser = FILES.createParser(bytes);
    }

    @Override
    public Optional<JsonNode> next() throws IOException {
        if (ended) {
            return Optional.empty();
        }
        try {
            if (!begun) {
                begun = true;
                parser.nextToken();
            }
            bytes.restart();
            JsonToken token = parser.nextToken();
            number = parser.currentTokenLocation().getLineNr();
            if (token == null || token == JsonToken.END_ARRAY) {
                ended = true;
                if (token == null || parser.nextToken() != null) {
                    throw new RejectedLine("is not valid JSON: the array "
                            + (token == null ? "has no end" : "is not all of the file"));
                }
                return Optional.empty();
            }
            return Optional.of(ELEMENT.readTree(parser));
        } catch (JsonProcessingException e) {
            ended = true;
            number = e.getLocation() == null ? number : e.getLocation().getLineNr();
            throw new RejectedLine("is not valid JSON" + JsonBody.reason(e));
        } catch (MeteredStream.TooLong e) {
            ended = true;
            throw new RejectedLine("begins an example of more than " + LineReader.MAX_LINE_BYTES + " bytes");
        } catch (CharConversionException e) {
            ended = true;
            throw new RejectedLine("is not valid UTF-8");
        }
    }

    @Override
    public int number() {
        return number;
    }
}
