package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.tandem.kernels.testing.TinyModel;
import io.tandem.server.MainTest.Said;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tandem recurse}. */
class RecurseCommandTest {
    @TempDir
    private Path directory;

    private String base;
    private String output;

    @BeforeEach
    void write() throws IOException {
        base = directory.resolve("base").toString();
        output = directory.resolve("looped").toString();
        TinyModel.withTokenizer(TinyModel.Variant.LLAMA, 3).write(Path.of(base));
    }

    @Test
    void whatItSaysOfTheModel() {
        Said said = MainTest.run("recurse", base, output, "--rank", "4", "--block", "lower");
        assertThat(said.err()).contains("looped: linear 7/7, model.layers.1.");
        assertThat(said.out())
                .contains("2 loops of 1 layers; ", "MB of weights instead of")
                .containsPattern("Of what the layers differ by from the block, their factors have \\d\\d\\.\\d %");
        assertThat(said.status()).isZero();
        Said doctor = MainTest.run("doctor", "--model", output);
        assertThat(doctor.out()).contains("'looped' can be served.");
        assertThat(doctor.status()).isZero();
    }

    @Test
    void whatItRefuses() {
        assertThat(MainTest.run("recurse", base, output).status()).isZero();
        Said again = MainTest.run("recurse", base, output);
        assertThat(again.err()).contains("tandem: " + output + ": file already exists");
        assertThat(again.status()).isOne();
        Said thirds = MainTest.run("recurse", base, output + "-3", "--loops", "3");
        assertThat(thirds.err()).contains("2 layers cannot be 3 loops", "'tandem recurse --help'");
        assertThat(thirds.status()).isEqualTo(2);
        Said twice = MainTest.run("recurse", output, output + "-2");
        assertThat(twice.err()).contains("is a recursive model already");
        assertThat(twice.status()).isOne();
        assertThat(MainTest.run("recurse", directory.resolve("none").toString(), output)
                        .status())
                .isOne();
    }
}
