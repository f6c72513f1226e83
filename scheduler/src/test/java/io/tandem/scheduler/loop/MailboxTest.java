package io.tandem.scheduler.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class MailboxTest {
    private final Mailbox mailbox = new Mailbox();
    private final List<String> told = new ArrayList<>();

    @Test
    void messagesComeInTheirOrderAndOnceForEachKey() {
        for (int i = 0; i < 100_000; i++) {
            String message = "pin " + i;
            mailbox.send("a", () -> told.add(message));
            mailbox.send("b", () -> told.add("b"));
        }
        assertThat(mailbox.size()).isEqualTo(2);
        mailbox.drain();
        assertThat(told).containsExactly("pin 99999", "b");
        mailbox.drain();
        assertThat(told).hasSize(2);
    }

    @Test
    void whatIsSentWhileMessagesAreHandledComesNextTime() {
        mailbox.send("a", () -> mailbox.send("a", () -> told.add("later")));
        mailbox.drain();
        assertThat(told).isEmpty();
        mailbox.drain();
        assertThat(told).containsExactly("later");
    }
}
