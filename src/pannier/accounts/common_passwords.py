"""Passwords that are tried first, of eight characters or more; shorter ones are refused for their length."""

from __future__ import annotations

COMMON = frozenset(
    """
    password passw0rd p@ssword p@ssw0rd pa$$word password1 passwords mypassword thepassword password123 passwort
    motdepasse contraseña contrasena wachtwoord parola123 adminadmin administrator admin123 root1234 welcome1
    welcome123 letmein1 letmein123 letmeinnow iloveyou iloveyou1 iloveyou2 loveyou1 ilovehim iloveher sunshine
    sunshine1 princess princess1 football football1 baseball baseball1 basketball superman superman1 spiderman
    batman123 starwars starwars1 startrek trustno1 trustnoone whatever whatever1 computer computer1 internet
    internet1 michelle jennifer jennifer1 samantha elizabeth alexander alexandra charlotte benjamin nicholas
    christopher christian jonathan jordan23 victoria veronica patricia danielle stephanie chocolate chocolate1
    butterfly butterfly1 liverpool liverpool1 chelsea1 arsenal1 manchester juventus barcelona realmadrid realmadrid1
    bayernmunich corvette mercedes porsche911 mustang1 ferrari1 lamborghini mercury1 scorpion dragon123 dragonball
    dragons1 pokemon1 pokemon123 pikachu1 nintendo playstation minecraft minecraft1 fortnite callofduty
    master123 monkey123 shadow123 hunter12 hunter123 killer123 ranger123 jessica1 michael1 ashley123 charlie1
    charlie123 thomas123 robert123 daniel123 george123 harley123 harleydavidson cowboys1 yankees1 steelers
    blink182 metallica metallica1 slipknot nirvana1 ironmaiden greenday linkinpark rockandroll guitar123
    asdfghjkl asdfasdf asdf1234 asdfghjkl1 qwerty123 qwerty12 qwerty1234 qwertyui qwertyuiop qwertyuiop1 qwer1234
    qweasdzxc qazwsxedc qazwsx123 1qaz2wsx 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 zaq12wsx zaq1zaq1
    zxcvbnm1 zxcvbnm123 zxcvbnm, abcd1234 abc12345 abc123456 abcdefgh abcdefg1 a1b2c3d4 aa123456 aa12345678
    a1234567 a12345678 a123456789 1234qwer 123qweasd 123qwe123 123456qwerty 12345qwert 123abc123 12341234 123123123
    11111111 00000000 12121212 88888888 87654321 98765432 987654321 123456789a 123456789q 1234567890 12345678910
    147258369 159753456 741852963 789456123 963852741 11223344 112233445566 10203040 31415926 3141592654
    changeme changeme1 changeit default1 default123 test1234 testtest testing1 testing123 guest123 secret123
    topsecret supersecret mysecret1 security1 access14 access123 login123 temp1234 temporary pass1234 pass12345
    user1234 demo1234 hello123 hello1234 helloworld hellohello goodbye1 goodmorning freedom1 freedom123 happy123
    happiness lovelove lovely123 beautiful beautiful1 sweetheart darling1 handsome birthday december november
    september january1 february summer2023 summer2024 summer2025 winter2024 winter2025 spring2024 spring2025
    autumn2024 autumn2025 blahblah nothing1 anything something everything nopassword password! password1! welcome1!
    qwerty123! p@ssword1 p@ssw0rd1 p@$$w0rd pa55word pa55w0rd correcthorsebatterystaple correcthorse trombone1
    jesus123 jesuschrist godisgood blessed1 heaven123 angel123 angels12 babygirl babygirl1 babyboy1 cutiepie
    fuckyou1 fuckyou2 fuckoff1 bullshit asshole1 biteme12 cheese123 cookie123 banana123 pepper123 ginger123
    buster123 bailey123 maggie12 snoopy12 tigger12 garfield snowball fluffy12 rainbow1 rainbow123 flower123
    flowers1 sunflower strawberry blueberry cupcake1 marshmallow chicken1 elephant elephant1 dolphin1 dolphins
    tinkerbell cinderella hellokitty mickeymouse spongebob scoobydoo gandalf1 gandalf123 voldemort harrypotter
    hogwarts dumbledore jackson5 beyonce1 elvis123 creative1 creative diamond1 diamonds platinum phoenix1
    thunder1 lightning midnight midnight1 moonlight blackbird mountain redskins packers1 patriots broncos1
    """.split()
)
