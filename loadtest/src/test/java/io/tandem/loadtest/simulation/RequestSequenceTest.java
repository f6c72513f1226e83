package io.tandem.loadtest.simulation;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class RequestSequenceTest {
    private static final List<String> ADAPTERS = List.of("a", "b", "c");

    private static RequestSequence sequence(long seed) {
        return new RequestSequence(Lengths.SHARE_GPT, 256, 1024, ADAPTERS, seed);
    }

    @Test
    void aRequestIsAFunctionOfTheSeedAndItsNumber() {
        RequestSequence one = sequence(7);
        RequestSequence other = sequence(7);
        other.get(99);
        for (long number = 0; number < 20; number++) {
            assertThat(other.get(number)).isEqualTo(one.get(number));
        }
    }

    @Test
    void seedsAndNumbersMakeDifferentRequests() {
        assertThat(bodies(sequence(1))).doesNotHaveDuplicates().doesNotContainAnyElementsOf(bodies(sequence(2)));
    }

    private static List<JsonNode> bodies(RequestSequence sequence) {
        return LongStream.range(0, 200)
                .mapToObj(number -> sequence.get(number).body().get("prompt"))
                .toList();
    }

    @Test
    void bodiesHaveTheLengthsThatTheyClaim() {
        for (long number = 0; number < 200; number++) {
            RequestSequence.Request request = sequence(3).get(number);
            assertThat(request.body().get("prompt")).hasSize(request.size().promptTokens());
            assertThat(request.body().get("prompt")).allMatch(id -> id.asInt() >= 16 && id.asInt() < 1024);
            assertThat(request.body().get("max_tokens").asInt())
                    .isEqualTo(request.size().answerTokens());
            assertThat(request.body().get("model").asText()).isIn(ADAPTERS);
        }
    }

    @Test
    void theMostPopularAdapterComesFirst() {
        List<String> models = LongStream.range(0, 2000)
                .mapToObj(number -> sequence(5).get(number).model())
                .toList();
        assertThat(models.stream().filter("a"::equals).count())
                .isGreaterThan(models.stream().filter("c"::equals).count());
    }
}
