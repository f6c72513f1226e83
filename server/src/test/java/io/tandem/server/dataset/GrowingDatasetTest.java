package io.tandem.server.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.server.dataset.DatasetReader.Limits;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class GrowingDatasetTest extends SmallModelTest {
    private static final String ANSWER = "{\"role\":\"assistant\",\"content\":\"a\"}";
    /** Rendered with 0 and 1 messages, and then with 1 and 2. */
    private static final String TWO = "{\"messages\":[" + ANSWER + "," + ANSWER + "]}";

    private GrowingDataset dataset(int examples, long tokens, long renderedMessages) {
        return new GrowingDataset(model, TextRules.DEFAULT, new Limits(100, examples, tokens, renderedMessages));
    }

    @Test
    void whatAFileCouldNotHaveIsLeftOut() throws IOException {
        GrowingDataset dataset = dataset(100, 1000, 1000);
        assertThat(dataset.add("{\"text\":\"abc\"}")).isTrue();
        for (String line : new String[] {
            "",
            "{",
            "{}",
            "{\"text\":7}",
            "{\"text\":\"" + "a".repeat(101) + "\"}",
            "{\"text\":\"a\",\"control\":\"x\"}",
            "{\"text\":\"" + "a".repeat(LineReader.MAX_LINE_BYTES) + "\"}"
        }) {
            assertThat(dataset.add(line))
                    .as(line.substring(0, Math.min(20, line.length())))
                    .isFalse();
        }
        assertThat(dataset.isFull()).isFalse();
        assertThat(dataset.add(TWO)).isTrue();
        assertThat(dataset.dataset().summary().examples()).isEqualTo(2);
    }

    @Test
    void nothingIsAddedWithoutRoom() throws IOException {
        GrowingDataset examples = dataset(1, 1000, 1000);
        GrowingDataset tokens = dataset(100, 5, 1000);
        for (GrowingDataset dataset : new GrowingDataset[] {examples, tokens}) {
            assertThat(dataset.add("{\"text\":\"abc\"}")).isTrue();
            assertThat(dataset.isFull()).isFalse();
            assertThat(dataset.add("{\"text\":\"abd\"}")).isFalse();
            assertThat(dataset.isFull()).isTrue();
            assertThat(dataset.dataset().summary().examples()).isEqualTo(1);
        }
    }

    @Test
    void chatsOfManyTurnsFillItToo() throws IOException {
        GrowingDataset dataset = dataset(100, 1000, 6);
        assertThat(dataset.add(TWO)).isTrue();
        assertThat(dataset.isFull()).isFalse();
        assertThat(dataset.add(TWO.replace("\"a\"", "\"b\""))).isFalse();
        assertThat(dataset.isFull()).isTrue();
        assertThat(dataset.dataset().summary().examples()).isEqualTo(1);
    }
}
