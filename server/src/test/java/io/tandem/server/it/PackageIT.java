package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;

/** What {@code mvn package} has left in {@code target}: a list of what is in it, and the same jars from the same sources. */
class PackageIT {
    private static final Path TARGET = Path.of("target");
    private static final Path LIBRARIES = TARGET.resolve("lib");
    private static final Pattern ADDRESS =
            Pattern.compile("pkg:maven/([^/]+)/([^@]+)@([^?]+)\\?(?:classifier=([^&]+)&)?type=jar");
    private static final Pattern TIME =
            Pattern.compile("<project.build.outputTimestamp>(.+)</project.build.outputTimestamp>");

    private static JsonNode billOfMaterials() throws IOException {
        Path bill = TARGET.resolve("bom.json");
        assumeTrue(Files.exists(bill), "left out: offline, Maven makes no bill of materials");
        return new JsonMapper().readTree(bill.toFile());
    }

    /** What the bill has, by the names of the jars. */
    private static Map<String, JsonNode> parts() throws IOException {
        Map<String, JsonNode> parts = new TreeMap<>();
        for (JsonNode part : billOfMaterials().path("components")) {
            Matcher address = ADDRESS.matcher(part.path("purl").asText());
            assertThat(address.matches()).as(part.path("purl").asText()).isTrue();
            assertThat(part.path("version").asText()).isEqualTo(address.group(3));
            String classifier = address.group(4) == null ? "" : "-" + address.group(4);
            parts.put(address.group(2) + "-" + address.group(3) + classifier + ".jar", part);
        }
        return parts;
    }

    private static List<Path> jars(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(file -> file.toString().endsWith(".jar")).toList();
        }
    }

    @Test
    void theBillOfMaterialsHasEveryLibraryAndItsLicence() throws IOException {
        JsonNode bill = billOfMaterials();
        assertThat(bill.path("bomFormat").asText()).isEqualTo("CycloneDX");
        TreeSet<String> libraries = new TreeSet<>();
        jars(LIBRARIES).forEach(jar -> libraries.add(jar.getFileName().toString()));
        assertThat(libraries).hasSizeGreaterThan(100);
        Map<String, JsonNode> parts = parts();
        assertThat(parts.keySet()).isEqualTo(libraries);
        parts.forEach((jar, part) -> {
            assertThat(part.path("licenses")).as(jar).isNotEmpty();
            for (JsonNode entry : part.path("licenses")) {
                JsonNode licence = entry.path("license");
                String name = licence.path("id").asText()
                        + licence.path("name").asText()
                        + entry.path("expression").asText();
                assertThat(name).as(jar).isNotEmpty();
            }
        });
        // The same build makes the same bill.
        assertThat(bill.has("serialNumber")).isFalse();
        assertThat(bill.path("metadata").has("timestamp")).isFalse();
    }

    @Test
    void jarsDoNotShowWhenAndWhereTheyWereMade() throws IOException {
        Matcher time = TIME.matcher(Files.readString(Path.of("../pom.xml")));
        assertThat(time.find()).isTrue();
        LocalDateTime same = LocalDateTime.ofInstant(Instant.parse(time.group(1)), ZoneOffset.UTC);
        List<String> places = List.of(
                Path.of("src").toAbsolutePath().toString(),
                TARGET.toAbsolutePath().toString(),
                Path.of(System.getProperty("user.home"), ".m2").toString());
        List<Path> own = own();
        assertThat(own).hasSizeGreaterThan(3);
        for (Path jar : own) {
            try (ZipFile zip = new ZipFile(jar.toFile())) {
                for (ZipEntry entry : zip.stream().toList()) {
                    String name = jar.getFileName() + "!" + entry.getName();
                    assertThat(entry.getTimeLocal()).as(name).isEqualTo(same);
                    byte[] content = zip.getInputStream(entry).readAllBytes();
                    String text = new String(content, StandardCharsets.ISO_8859_1);
                    assertThat(places).as(name).noneMatch(text::contains);
                }
            }
        }
    }

    /** The server's jar and those of its libraries that are parts of Tandem. */
    private static List<Path> own() throws IOException {
        List<Path> own = new ArrayList<>(jars(TARGET));
        parts().forEach((jar, part) -> {
            if (part.path("group").asText().equals("io.tandem")) {
                own.add(LIBRARIES.resolve(jar));
            }
        });
        return own;
    }
}
