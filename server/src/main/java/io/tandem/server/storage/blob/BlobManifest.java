package io.tandem.server.storage.blob;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.storage.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a blob in a bucket consists of. The blob is there as soon as this is.
 *
 * @param generation tells the objects of one writing from those of another
 * @param directory whether it is one; else there is a single file
 */
record BlobManifest(String generation, boolean directory, List<Part> parts) {
    private static final int VERSION = 1;
    private static final String SINGLE = "content";
    private static final Pattern GENERATION = Pattern.compile("[0-9a-f]{32}");
    private static final Pattern HASH = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern NAME = Pattern.compile("[^/\\\\\0]+");

    /** @param name of a file, with slashes where directories are */
    record Part(String name, long bytes, String sha256) {}

    static String newGeneration() {
        return UUID.randomUUID().toString().replace("-", "");
    }

    /** Of a file, or of a directory with all files in it. */
    static BlobManifest of(String generation, Path content) throws IOException {
        if (!Files.isDirectory(content)) {
            return new BlobManifest(generation, false, List.of(part(SINGLE, content)));
        }
        List<Part> parts = new ArrayList<>();
        try (Stream<Path> tree = Files.walk(content)) {
            for (Path file : tree.filter(Files::isRegularFile).sorted().toList()) {
                parts.add(part(content.relativize(file).toString().replace('\\', '/'), file));
            }
        }
        return new BlobManifest(generation, true, parts);
    }

    private static Part part(String name, Path file) throws IOException {
        return new Part(name, Files.size(file), Sha256.hex(file));
    }

    /** The same content in objects of its own. */
    BlobManifest as(String other) {
        return new BlobManifest(other, directory, parts);
    }

    /** Whether something has the same files. */
    boolean hasContentOf(BlobManifest other) {
        return directory == other.directory && parts.equals(other.parts);
    }

    long bytes() {
        return parts.stream().mapToLong(Part::bytes).sum();
    }

    /** Where a part is in the blob. */
    Path in(Path blob, Part part) {
        return directory ? blob.resolve(part.name()) : blob;
    }

    byte[] json() throws IOException {
        ObjectNode object = JsonBody.MAPPER.createObjectNode();
        object.put("version", VERSION).put("generation", generation).put("directory", directory);
        ArrayNode files = object.putArray("files");
        parts.forEach(part -> files.addObject()
                .put("name", part.name())
                .put("bytes", part.bytes())
                .put("sha256", part.sha256()));
        return JsonBody.MAPPER.writeValueAsBytes(object);
    }

    /** @throws DamagedBlobException if it is none */
    static BlobManifest read(String key, byte[] json) throws IOException {
        JsonNode object;
        try {
            object = JsonBody.MAPPER.readTree(json);
        } catch (JsonProcessingException e) {
            throw new DamagedBlobException("the manifest of " + key);
        }
        boolean directory = object.path("directory").asBoolean();
        List<Part> parts = new ArrayList<>();
        Set<String> names = new HashSet<>();
        boolean whole = object.path("version").asInt() == VERSION
                && object.path("directory").isBoolean()
                && GENERATION.matcher(object.path("generation").asText()).matches()
                && object.path("files").isArray()
                && (directory || object.path("files").size() == 1);
        for (JsonNode file : object.path("files")) {
            Part part = new Part(
                    file.path("name").asText(),
                    file.path("bytes").asLong(-1),
                    file.path("sha256").asText());
            whole &= isName(part.name())
                    && names.add(part.name())
                    && part.bytes() >= 0
                    && HASH.matcher(part.sha256()).matches();
            parts.add(part);
        }
        if (!whole) {
            throw new DamagedBlobException("the manifest of " + key);
        }
        return new BlobManifest(object.path("generation").asText(), directory, parts);
    }

    /** Whether it consists of names with slashes between them, none of which leads out of where it begins. */
    static boolean isName(String name) {
        for (String step : name.split("/", -1)) {
            if (!NAME.matcher(step).matches() || step.equals(".") || step.equals("..")) {
                return false;
            }
        }
        return true;
    }
}
