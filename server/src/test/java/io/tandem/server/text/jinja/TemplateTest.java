package io.tandem.server.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class TemplateTest {
    private static final JsonNode GOLDEN = golden();

    /** What Python's jinja2 3.1.6 renders, set up as transformers 4.57 does; null where it fails. */
    private static JsonNode golden() {
        try (InputStream file = TemplateTest.class.getResourceAsStream("jinja2.json")) {
            return JsonMapper.builder().build().readTree(file);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    static Stream<Arguments> cases() {
        return StreamSupport.stream(GOLDEN.path("cases").spliterator(), false)
                .map(one -> Arguments.of(
                        one.path("template").asText(), one.path("renders").textValue()));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void rendersAsJinja2(String source, String expected) {
        Map<String, Object> variables =
                JsonMapper.builder().build().convertValue(GOLDEN.path("variables"), new TypeReference<>() {});
        Clock clock = Clock.fixed(Instant.parse(GOLDEN.path("now").asText()), ZoneOffset.UTC);
        if (expected == null) {
            assertThatThrownBy(() -> Template.parse(source).render(variables, clock))
                    .isInstanceOf(TemplateException.class);
        } else {
            assertThat(Template.parse(source).render(variables, clock)).isEqualTo(expected);
        }
    }

    @Test
    void controlCharactersStayWhatTheyAre() {
        StringBuilder all = new StringBuilder();
        for (char c = 0; c < ' '; c++) {
            all.append(c);
        }
        assertThat(render("{{ text }}", Map.of("text", all.toString()))).isEqualTo(all.toString());
    }

    @Test
    void aTemplateOfAnyLengthOfTokensEnds() {
        // Each of these once took time or stack in proportion to more than the template's length.
        for (String part : List.of("|trim", ".x", "[0]", "+1", " and x", " if x", "~x", "**1", "(x)", " not in x")) {
            String source = "{{ x" + part.repeat(20_000) + " }}";
            try {
                render(source, Map.of("x", "x"));
            } catch (TemplateException e) {
                assertThat(e).hasMessageNotContaining("StackOverflow");
            }
        }
    }

    @Test
    void errorsNameTheLine() {
        assertThatThrownBy(() -> Template.parse("a\n{% if x %}\n{{ 1 + }}"))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("line 3");
    }

    private static String render(String source, Map<String, Object> variables) {
        return Template.parse(source).render(variables, Clock.systemUTC());
    }
}
