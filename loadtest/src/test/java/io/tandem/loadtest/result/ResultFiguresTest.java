package io.tandem.loadtest.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.tandem.loadtest.figure.Table;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ResultFiguresTest {
    @TempDir
    private Path directory;

    private Table table(String text) throws Exception {
        return Table.read(Files.writeString(directory.resolve("a.csv"), text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "way,requests_per_s,attainment,training_tokens_per_s\nseen,1,0.9,200\nseen,2,0.8,100\n",
                "stash,part,bytes\nseen,keys,1000000\nother,keys,2000000\n",
                "technique,bytes\nseen,2000000\nother,1000000\n",
                "method,skill,seed,trained_parameters,exact_match\nseen,json,1,10,0.5\nseen,json,2,10,0.7\n",
                "of,method,skill,exact_match\n,seen,json,0.5\n,seen,pig,0.7\n",
                "skill,method,exam,seed,exact_match\njson,seen,language,1,0.5\njson,seen,language,2,0.7\n",
                "experts,method,seed,skill,exact_match,share_of_own\n2,seen,1,json,0.5,0.6\n3,seen,1,json,0.4,0.5\n",
                "expert,density,bytes,ratio,exact_match_lost\nseen,0.1,100,20,0.05\nseen,0.2,200,10,0.01\n",
                "optimizer,seed,step,validation_loss\nseen,1,10,1.5\nseen,2,10,1.7\nseen,1,20,1.1\nseen,2,20,1.2\n",
                "optimizer,rank,state_bytes\nseen,8,1000000\n",
                "ability,part,examples,seed,exact_match\nseen,1/2,10,1,0.5\nseen,1/1,20,1,0.6\n",
                "file,learned,examples,seed,exact_match\nseen,whole,10,1,0.5\nseen,random,5,1,0.4\n"
            })
    void everyKindOfTableHasAFigureThatNamesItsRows(String text) throws Exception {
        assertThat(words(text)).contains("seen");
    }

    @Test
    void adaptersInABatchAreLinesBesideTheBaseModel() throws Exception {
        assertThat(words("adapters,rows,tokens_per_s\n0,16,900\n1,16,800\n2,16,700\n4,16,600\n"))
                .contains("16 requests", "16 requests of the base model", "tokens per second");
    }

    @Test
    void simulatedDevicesAreSaidToBeSimulated() throws Exception {
        String columns = "way,requests_per_s,attainment,training_tokens_per_s";
        assertThat(words(columns + ",simulated_devices\nco-serving,1,0.9,200,4\n"))
                .contains("Simulated: ways to share 4 accelerators");
        assertThat(words(columns + "\nco-serving,1,0.9,200\n")).doesNotContain("Simulated");
    }

    @Test
    void aReferenceIsInTheLegendThoughTheLinesOfThePanelAboveAreNotRepeated() throws Exception {
        String words = words("way,requests_per_s,attainment,training_tokens_per_s\n"
                + "co-serving,1,0.9,200\nspare time x training alone,1,1,300\ninference only,1,1,0\n");
        assertThat(words).containsOnlyOnce("co-serving").containsOnlyOnce("spare time");
        assertThat(words).doesNotContain("inference only");
    }

    @Test
    void requestsOfTheWarmUpAreLeftOut() throws Exception {
        String columns = "sent_unix_ms,status,in_flight,ttft_ms,tpot_ms\n";
        String steady = "5000,200,3,40,20\n6000,200,4,50,20\n";
        assertThat(words(columns + "1000,200,1,90000,20\n2999,200,1,90000,20\n" + steady))
                .isEqualTo(words(columns + "1000,500,0,0,0\n" + steady));
    }

    private String words(String text) throws Exception {
        String svg = ResultFigures.of(table(text)).orElseThrow().svg();
        Document parsed = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(svg.replaceFirst("<!DOCTYPE[^>]*>", ""))));
        return parsed.getDocumentElement().getTextContent();
    }

    @Test
    void aTableOfOtherColumnsHasNoFigure() throws Exception {
        assertThat(ResultFigures.of(table("a,b\n1,2\n"))).isEmpty();
        assertThat(ResultFigures.of(table("way,requests_per_s,attainment,training_tokens_per_s\n")))
                .isEmpty();
    }

    @Test
    void quantilesAreNumbersThatOccur() {
        Quantiles quantiles = Quantiles.of(new double[] {4, Double.NaN, 1, 3, 2});
        assertThat(List.of(quantiles.at(0), quantiles.at(0.25), quantiles.at(0.5), quantiles.at(0.51), quantiles.at(1)))
                .containsExactly(1.0, 1.0, 2.0, 3.0, 4.0);
        assertThat(Quantiles.of(new double[0]).at(0.5)).isNaN();
        assertThat(quantiles.at(0.99)).isCloseTo(4, within(0.0));
    }
}
