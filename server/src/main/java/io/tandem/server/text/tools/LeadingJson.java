package io.tandem.server.text.tools;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import io.tandem.server.api.JsonBody;
import java.io.IOException;

/** A text of JSON values with other things between them, read from its beginning. */
final class LeadingJson {
    private static final ObjectReader READER =
            JsonBody.MAPPER.reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private String rest;

    LeadingJson(String text) {
        rest = text.strip();
    }

    boolean isEmpty() {
        return rest.isEmpty();
    }

    boolean startsWith(String text) {
        return rest.startsWith(text);
    }

    /** The value that comes next. */
    JsonNode read() throws JsonProcessingException {
        try (JsonParser parser = JsonBody.MAPPER.createParser(rest)) {
            JsonNode value = READER.readTree(parser);
            rest = rest.substring((int) parser.currentLocation().getCharOffset())
                    .strip();
            return value;
        } catch (JsonProcessingException e) {
            throw e;
        } catch (IOException e) {
            throw new IllegalStateException("text in memory cannot be read", e);
        }
    }

    /** Goes past a text if it comes next. */
    void skip(String text) {
        rest = rest.startsWith(text) ? rest.substring(text.length()).strip() : rest;
    }

    /** What comes before a text, both of which are gone past; nothing if the text does not come. */
    String until(String text) {
        int at = rest.indexOf(text);
        if (at < 0) {
            return "";
        }
        String before = rest.substring(0, at).strip();
        rest = rest.substring(at + text.length()).strip();
        return before;
    }
}
