package io.tandem.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** What the command line says. */
class MainTest {
    record Said(int status, String out, String err) {}

    static Said run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        CommandLine line = Main.commandLine();
        line.setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
        return new Said(line.execute(arguments), out.toString(), err.toString());
    }

    @Test
    void devicesShowsEveryFormAndWhatAutoChooses() {
        Said said = run("devices", "--threads", "1");
        assertThat(said.status()).isZero();
        assertThat(said.out())
                .contains(
                        "plain (float32)",
                        "packed (bfloat16)",
                        "float16 (float32)",
                        "int4 (float32)",
                        "By default the server");
        assertThat(said.out().lines().filter(line -> line.startsWith("plain (float32)")))
                .singleElement()
                .asString()
                .matches("plain \\(float32\\) +4\\.00( +[0-9]+){5}");
    }

    @ParameterizedTest
    @CsvSource({
        "finetune x.jsonl --name a --epoch 3, '--epoch', tandem finetune",
        "finetune x.jsonl --name a --epochs many, '--epochs', tandem finetune",
        "finetune x.jsonl, '--name=NAME', tandem finetune",
        "jobs list --wrong, '--wrong', tandem jobs list",
        "adapters merge, 'NAME', tandem adapters merge",
        "generate-completion --shell fish, '--shell', tandem generate-completion",
        "serv, 'serv', tandem",
    })
    void aWrongCommandIsExplainedInThreeLines(String command, String named, String help) {
        Said said = run(command.split(" "));
        assertThat(said.status()).isEqualTo(2);
        assertThat(said.out()).isEmpty();
        assertThat(said.err().lines()).hasSizeBetween(2, 3);
        assertThat(said.err()).contains(named).contains("'" + help + " --help'");
    }

    @Test
    void completionIsForTheShellsThatItNames() {
        assertThat(run("generate-completion", "--help").out())
                .contains("bash and zsh")
                .contains("none for fish");
        Said script = run("generate-completion");
        assertThat(script.status()).isZero();
        assertThat(script.out()).startsWith("#!/usr/bin/env bash").contains("--epochs", "finetune", "adapters");
    }

    @Test
    void everyCommandHasHelp() {
        for (String command : new String[] {"serve", "finetune", "jobs", "adapters", "jobs events", "adapters merge"}) {
            Said said = run((command + " --help").split(" "));
            assertThat(said.status()).as(command).isZero();
            assertThat(said.out()).contains("Usage: tandem " + command);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "http://127.0.0.1:1, http://127.0.0.1:1",
        "127.0.0.1:1, http://127.0.0.1:1",
        "http://127.0.0.1:1/v1, http://127.0.0.1:1",
        "127.0.0.1:1/v1/, http://127.0.0.1:1"
    })
    void theServerMayBeNamedInTheWaysThatClientsName(String url, String meant) {
        Said said = run("jobs", "list", "--url", url);
        assertThat(said.status()).isEqualTo(1);
        assertThat(said.out()).isEmpty();
        assertThat(said.err()).contains("no server answers on " + meant + ";");
    }

    @Test
    void whatIsNoAddressIsToldSo() {
        assertThat(run("jobs", "list", "--url", "http://a b").err()).contains("'http://a b' is not the address");
    }
}
