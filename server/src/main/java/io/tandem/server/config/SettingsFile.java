package io.tandem.server.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Settings in a YAML file: sections of keys, each with the line in which it stands. */
final class SettingsFile {
    private static final YAMLMapper MAPPER = YAMLMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private final Path file;
    private final ConfigValues values;

    private SettingsFile(Path file, ConfigValues values) {
        this.file = file;
        this.values = values;
    }

    /** @throws ConfigException naming file and line if it cannot be read, or is not one mapping without duplicate keys */
    static void read(Path file, ConfigValues into) {
        if (!Files.isRegularFile(file)) {
            throw new ConfigException(file + ": no such file; name the configuration with --config FILE");
        }
        try (YAMLParser parser = MAPPER.getFactory().createParser(Files.newBufferedReader(file))) {
            new SettingsFile(file, into).document(parser);
        } catch (JsonProcessingException e) {
            String problem = e.getOriginalMessage().lines().findFirst().orElse("");
            throw new ConfigException(file + ":" + e.getLocation().getLineNr() + ": invalid YAML: " + problem, e);
        } catch (IOException e) {
            throw new ConfigException(file + ": cannot be read: " + e, e);
        }
    }

    private void document(YAMLParser parser) throws IOException {
        JsonToken first = parser.nextToken();
        // A file of comments alone holds no document.
        if (first == null) {
            return;
        }
        if (first != JsonToken.START_OBJECT) {
            throw new ConfigException(here(parser) + ": not a YAML mapping");
        }
        section(parser, "");
        if (parser.nextToken() != null) {
            throw new ConfigException(here(parser) + ": a second document; all settings belong to one");
        }
    }

    private void section(YAMLParser parser, String prefix) throws IOException {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            String key = prefix + parser.currentName();
            String origin = here(parser);
            if (parser.nextToken() == JsonToken.START_OBJECT) {
                section(parser, key + ".");
            } else {
                values.add(origin, key, parser.readValueAs(Object.class));
            }
        }
    }

    private String here(YAMLParser parser) {
        return file + ":" + parser.currentTokenLocation().getLineNr();
    }
}
