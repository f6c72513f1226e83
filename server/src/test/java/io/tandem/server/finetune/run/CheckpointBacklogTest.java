package io.tandem.server.finetune.run;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CheckpointBacklogTest {
    private final CheckpointBacklog backlog = new CheckpointBacklog(100);

    @Test
    void whatWaitsIsLimited() {
        assertThat(backlog.add(60)).isTrue();
        assertThat(backlog.add(40)).isTrue();
        assertThat(backlog.add(1)).isFalse();
        backlog.written(60);
        assertThat(backlog.add(60)).isTrue();
        assertThat(backlog.add(1)).isFalse();
    }

    @Test
    void aLargeOneWaitsAlone() {
        assertThat(backlog.add(1000)).isTrue();
        assertThat(backlog.add(1)).isFalse();
        backlog.written(1000);
        assertThat(backlog.add(1)).isTrue();
        assertThat(backlog.add(1000)).isFalse();
    }
}
